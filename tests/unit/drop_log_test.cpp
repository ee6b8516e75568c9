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

class DropLogTest : public testing::Test {
 protected:
  Reason from_remote(std::uint16_t port, const char* destination = "203.0.113.11:9") {
    return gateway.from_outside(test::udp(Endpoint{Address(192, 0, 2, 66), port}, endpoint(destination)))
        .reason;
  }
  // Hears what has happened since.
  DropLog& log() {
    std::uint64_t missed = 0;
    Event event;
    while (gateway.engine.events().changes().read(changes_, {&event, 1}, missed) > 0)
      drop_log_.changed(event);
    DropEvent drop;
    while (gateway.engine.events().drops().read(drops_, {&drop, 1}, missed) > 0) {
      drop_log_.dropped(drop, drop.traced ? gateway.engine.traced_drop(drop.number) : nullptr);
    }
    EXPECT_EQ(missed, 0U);
    return drop_log_;
  }
  std::vector<DropLog::Kind> kinds() { return log().kinds(gateway.now()); }
  std::size_t count(Reason reason) {
    const auto all = kinds();
    return static_cast<std::size_t>(
        std::count_if(all.begin(), all.end(), [&](const auto& kind) { return kind.drop.reason == reason; }));
  }

  SeededRandom random{7};
  TestGateway gateway;

 private:
  DropLog drop_log_{random};
  RingCursor changes_, drops_;
};

TEST_F(DropLogTest, CountsPacketsOfAKind) {
  from_remote(1);
  gateway.advance(3s);
  from_remote(1);
  from_remote(2);
  const auto kinds = this->kinds();
  ASSERT_EQ(kinds.size(), 2U);
  EXPECT_EQ(kinds[0].drop.source.port, 2) << "the latest first";
  EXPECT_EQ(kinds[1].packets, 2U);
  EXPECT_EQ(kinds[1].bytes, 2U * 28U);
  EXPECT_EQ(kinds[1].last - kinds[1].first, 3s);
  EXPECT_EQ(kinds[1].explanation.reason, Reason::no_mapping);
  EXPECT_EQ(kinds[1].octets.size(), 28U);
  const auto found = log().find(kinds[1].number, gateway.now());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->packets, kinds[1].packets);
}

TEST_F(DropLogTest, ForgetsAfterAMinute) {
  from_remote(1);
  gateway.advance(59s);
  EXPECT_EQ(count(Reason::no_mapping), 1U);
  gateway.advance(1s);
  EXPECT_EQ(count(Reason::no_mapping), 0U);
}

// A scan of ever new ports leaves other reasons alone, and of its own replaces a few in a second.
TEST_F(DropLogTest, AFloodPushesOutItsOwn) {
  gateway.from_inside(test::udp("10.0.0.1:4321", "192.0.2.31:53"));
  EXPECT_EQ(from_remote(5, "203.0.113.11:4321"), Reason::filtered_by_address);
  gateway.from_outside(test::udp("192.0.2.67:1", "203.0.113.11:10"));
  const auto quiet = [&] {
    for (const auto& kind : kinds()) {
      if (kind.drop.source == endpoint("192.0.2.67:1")) return true;
    }
    return false;
  };
  const auto scan = [&](unsigned ports) {
    for (unsigned port = 0; port < ports; ++port) {
      from_remote(static_cast<std::uint16_t>(port));
      if (port % 1000 == 0) log();
    }
  };
  scan(60000);
  EXPECT_EQ(count(Reason::no_mapping), DropSampler::kTracedInSecond);
  EXPECT_EQ(log().unlisted(gateway.now()), 60000U - (DropSampler::kTracedInSecond - 1));
  EXPECT_TRUE(quiet());
  for (int second = 0; second < 30; ++second) {
    gateway.advance(1s);
    scan(1000);
  }
  EXPECT_EQ(count(Reason::no_mapping), DropLog::kMostOfClass);
  EXPECT_EQ(count(Reason::filtered_by_address), 1U) << "it is not of the flood's reason";
}

TEST_F(DropLogTest, UnlistedOnesAreForgottenToo) {
  for (std::uint16_t port = 0; port < 1000; ++port) from_remote(port);
  EXPECT_GT(log().unlisted(gateway.now()), 0U);
  gateway.advance(61s);
  EXPECT_EQ(log().unlisted(gateway.now()), 0U);
}

TEST_F(DropLogTest, AllClassesTogetherAreBounded) {
  DropLog bounded(random);
  const TracedDrop traced;
  TimePoint now{std::chrono::hours(1)};
  for (std::size_t r = 0; r < kReasonCount; ++r) {
    for (std::uint16_t port = 1; port <= DropLog::kMostOfClass; ++port) {
      DropEvent drop;
      drop.reason = static_cast<Reason>(r);
      drop.source = {Address(10, 0, 0, 1), port};
      drop.at = now;
      bounded.dropped(drop, &traced);
    }
    now += 1s;
  }
  EXPECT_LE(bounded.kinds(now).size(), DropLog::kMostKinds);
  EXPECT_GT(bounded.kinds(now).size(), DropLog::kMostKinds / 2);
}

TEST_F(DropLogTest, TellsOfTheMappingThatWas) {
  gateway.from_inside(test::udp("10.0.0.1:4321", "192.0.2.31:53"));
  gateway.pass(5min + 12s);
  from_remote(5, "203.0.113.11:4321");
  const auto kinds = this->kinds();
  ASSERT_EQ(kinds.size(), 1U);
  const auto& steps = kinds[0].explanation.steps;
  ASSERT_GE(steps.size(), 2U);
  EXPECT_EQ(steps.back().name, "verdict");
  // The mapping lived five minutes and at most a tenth of a second; the seconds are rounded down.
  EXPECT_EQ(
      steps[steps.size() - 2].detail,
      "1: 10.0.0.1:4321 = 203.0.113.11:4321 until 11 s ago: expired, silent for udp.timeout; inbound packets "
      "do not refresh it unless udp.inbound-refresh = yes");
}

// Media that are only received: the host said one word, and they flow until udp.timeout is over.
TEST_F(DropLogTest, NamesTheSettingThatKeepsWhatIsOnlyReceived) {
  gateway.from_inside(test::udp("10.0.0.1:4321", "192.0.2.31:53"));
  Reason met = Reason::translated;
  for (unsigned second = 0; second < 400 && met == Reason::translated; ++second) {
    gateway.pass(1s);
    met = gateway.from_outside(test::udp("192.0.2.31:53", "203.0.113.11:4321")).reason;
  }
  ASSERT_EQ(met, Reason::no_mapping);
  const auto kinds = this->kinds();
  ASSERT_EQ(kinds.size(), 1U);
  const auto& steps = kinds[0].explanation.steps;
  ASSERT_GE(steps.size(), 2U);
  EXPECT_NE(steps[steps.size() - 2].detail.find("udp.inbound-refresh = yes"), std::string::npos);
}

TEST_F(DropLogTest, RemembersSoManyEndedMappings) {
  for (unsigned i = 0; i <= DropLog::kMostEnded; ++i) {
    gateway.from_inside(test::udp(Endpoint{Address(10, 0, 0, 1), static_cast<std::uint16_t>(1024 + i)},
                                  endpoint("192.0.2.31:53")));
  }
  gateway.pass(6min);
  unsigned known = 0;
  for (unsigned i = 0; i <= DropLog::kMostEnded; ++i) {
    const Endpoint internal{Address(10, 0, 0, 1), static_cast<std::uint16_t>(1024 + i)};
    if (log().ended(Protocol::udp, internal)) ++known;
  }
  EXPECT_EQ(known, DropLog::kMostEnded);
}

}  // namespace
}  // namespace nat
