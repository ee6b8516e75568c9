// What is kept of refused packets, and that a flood pushes out little but its own.
#include "natd/observe/drop_log.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "tests/support/packet_builder.h"
#include "tests/support/test_gateway.h"

namespace nat {
namespace {

using test::endpoint;
using test::TestGateway;
using namespace std::chrono_literals;

class ChronicleTest : public testing::Test {
 protected:
  ChronicleTest() { gateway.engine.observe(&drop_log); }

  Reason from_stranger(std::uint16_t port, const char* destination = "203.0.113.11:9") {
    return gateway.from_outside(test::udp(Endpoint{Address(192, 0, 2, 66), port}, endpoint(destination)))
        .reason;
  }
  std::size_t count(Reason reason) {
    const auto kinds = drop_log.kinds(gateway.now());
    return static_cast<std::size_t>(std::count_if(
        kinds.begin(), kinds.end(), [&](const auto* kind) { return kind->refusal.reason == reason; }));
  }

  SeededRandom random{7};
  DropLog drop_log{random};
  TestGateway gateway;
};

TEST_F(ChronicleTest, CountsPacketsOfAKind) {
  from_stranger(1);
  gateway.advance(3s);
  from_stranger(1);
  from_stranger(2);
  const auto kinds = drop_log.kinds(gateway.now());
  ASSERT_EQ(kinds.size(), 2U);
  EXPECT_EQ(kinds[0]->refusal.source.port, 2) << "the latest first";
  EXPECT_EQ(kinds[1]->packets, 2U);
  EXPECT_EQ(kinds[1]->bytes, 2U * 28U);
  EXPECT_EQ(kinds[1]->last - kinds[1]->first, 3s);
  EXPECT_EQ(kinds[1]->explanation.reason, Reason::no_mapping);
  EXPECT_EQ(kinds[1]->octets.size(), 28U);
  EXPECT_EQ(drop_log.find(kinds[1]->number, gateway.now()), kinds[1]);
}

TEST_F(ChronicleTest, ForgetsAfterAMinute) {
  from_stranger(1);
  gateway.advance(59s);
  EXPECT_EQ(count(Reason::no_mapping), 1U);
  gateway.advance(1s);
  EXPECT_EQ(count(Reason::no_mapping), 0U);
}

// A scan of ever new ports leaves other reasons alone, and of its own replaces a few in a second.
TEST_F(ChronicleTest, AFloodPushesOutItsOwn) {
  gateway.from_inside(test::udp("10.0.0.1:4321", "192.0.2.31:53"));
  EXPECT_EQ(from_stranger(5, "203.0.113.11:4321"), Reason::filtered_by_address);
  gateway.from_outside(test::udp("192.0.2.67:1", "203.0.113.11:10"));
  const auto quiet = [&] {
    for (const auto* kind : drop_log.kinds(gateway.now())) {
      if (kind->refusal.source == endpoint("192.0.2.67:1")) return true;
    }
    return false;
  };
  const auto scan = [&](unsigned ports) {
    for (unsigned port = 0; port < ports; ++port) from_stranger(static_cast<std::uint16_t>(port));
  };
  scan(60000);
  EXPECT_EQ(count(Reason::no_mapping), DropLog::kNewInSecond);
  EXPECT_EQ(drop_log.unlisted(gateway.now()), 60000U - (DropLog::kNewInSecond - 1));
  EXPECT_TRUE(quiet());
  for (int second = 0; second < 30; ++second) {
    gateway.advance(1s);
    scan(1000);
  }
  EXPECT_EQ(count(Reason::no_mapping), DropLog::kMostOfClass);
  EXPECT_EQ(count(Reason::filtered_by_address), 1U) << "it is not of the flood's reason";
}

TEST_F(ChronicleTest, UnlistedOnesAreForgottenToo) {
  for (std::uint16_t port = 0; port < 1000; ++port) from_stranger(port);
  EXPECT_GT(drop_log.unlisted(gateway.now()), 0U);
  gateway.advance(61s);
  EXPECT_EQ(drop_log.unlisted(gateway.now()), 0U);
}

TEST_F(ChronicleTest, AllClassesTogetherAreBounded) {
  for (std::size_t r = 0; r < kReasonCount; ++r) {
    for (int second = 0; second < 4; ++second) {
      gateway.advance(100ms);
      for (std::uint16_t port = 1; port <= DropLog::kNewInSecond; ++port) {
        Refusal refusal;
        refusal.reason = static_cast<Reason>(r);
        refusal.source = {Address(10, 0, 0, 1), static_cast<std::uint16_t>(port + 100 * second)};
        drop_log.refused(refusal, gateway.now());
      }
      gateway.advance(1s);
    }
  }
  EXPECT_LE(drop_log.kinds(gateway.now()).size(), DropLog::kMostKinds);
  EXPECT_GT(drop_log.kinds(gateway.now()).size(), DropLog::kMostKinds / 2);
}

TEST_F(ChronicleTest, TellsOfTheMappingThatWas) {
  gateway.from_inside(test::udp("10.0.0.1:4321", "192.0.2.31:53"));
  gateway.pass(5min + 12s);
  from_stranger(5, "203.0.113.11:4321");
  const auto kinds = drop_log.kinds(gateway.now());
  ASSERT_EQ(kinds.size(), 1U);
  const auto& steps = kinds[0]->explanation.steps;
  ASSERT_GE(steps.size(), 2U);
  EXPECT_EQ(steps.back().name, "verdict");
  // The mapping lived five minutes and at most a tenth of a second; the seconds are rounded down.
  EXPECT_EQ(steps[steps.size() - 2].detail,
            "1: 10.0.0.1:4321 = 203.0.113.11:4321 until 11 s ago: expired, silent for udp.timeout");
}

TEST_F(ChronicleTest, RemembersSoManyEndedMappings) {
  for (unsigned i = 0; i <= DropLog::kMostEnded; ++i) {
    gateway.from_inside(test::udp(Endpoint{Address(10, 0, 0, 1), static_cast<std::uint16_t>(1024 + i)},
                                  endpoint("192.0.2.31:53")));
  }
  gateway.pass(6min);
  unsigned dormant = 0;
  for (unsigned i = 0; i <= DropLog::kMostEnded; ++i) {
    const Endpoint internal{Address(10, 0, 0, 1), static_cast<std::uint16_t>(1024 + i)};
    if (drop_log.ended(Protocol::udp, internal) != nullptr) ++dormant;
  }
  EXPECT_EQ(dormant, DropLog::kMostEnded);
}

}  // namespace
}  // namespace nat
