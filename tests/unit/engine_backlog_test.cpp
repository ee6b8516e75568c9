// Bounded work: what is large is done piece by piece, and judged as done at once.
#include <gtest/gtest.h>

#include "tests/support/packet_builder.h"
#include "tests/support/test_gateway.h"

namespace nat::test {
namespace {

constexpr const char* kIn1 = "10.0.0.1:4321";
constexpr const char* kExternal = "203.0.113.11:4321";
constexpr std::uint32_t kRemotes = 5000;

Endpoint remote(std::uint32_t number) { return {Address(Address(8, 0, 0, 0).value() + number), 7000}; }

// One mapping with very many sessions.
void open_many(TestGateway& gateway) {
  for (std::uint32_t i = 0; i < kRemotes; ++i) {
    ASSERT_TRUE(gateway.from_inside(udp(endpoint(kIn1), remote(i))).forwarded());
  }
}

std::uint32_t flush_all(TestGateway& gateway, std::uint32_t& most) {
  std::uint32_t flushed = 0;
  std::uint64_t cursor = 0;
  do {
    flushed += gateway.engine
                   .flush(
                       cursor, 128, [](const MappingView&) { return true; }, gateway.now())
                   .mappings;
    most = std::max(most, gateway.engine.last_work());
  } while (cursor != 0);
  return flushed;
}

TEST(EngineBacklog, ALargeMappingEndsAtOnceAndIsClearedInSteps) {
  TestGateway gateway;
  open_many(gateway);
  std::uint32_t most = 0;
  EXPECT_EQ(flush_all(gateway, most), 1U);
  EXPECT_LE(most, 128 + Engine::kMostWorkOfStep);
  EXPECT_EQ(gateway.engine.gauges().sessions, 0U) << "none counts against a limit any more";
  EXPECT_GT(gateway.engine.gauges().records, kRemotes / 2) << "most of the records are still there";
  for (const std::uint32_t i : {0U, 1U, kRemotes / 2, kRemotes - 1}) {
    EXPECT_EQ(gateway.from_outside(udp(remote(i), endpoint(kExternal))).reason, Reason::no_mapping) << i;
  }
  EXPECT_TRUE(gateway.sessions().empty());
  const Outcome again = gateway.from_inside(udp(endpoint(kIn1), remote(kRemotes - 1)));
  ASSERT_TRUE(again.forwarded()) << "and a new one is made by the next packet";
  EXPECT_EQ(gateway.sessions().size(), 1U);
  gateway.pass(seconds(1));
  EXPECT_EQ(gateway.sessions().size(), 1U);
  gateway.pass(seconds(400));
  gateway.pass(seconds(130));
  EXPECT_EQ(gateway.engine.gauges().records, 0U);
}

// Ten thousand sessions that ran out together, and a packet before they are removed.
TEST(EngineBacklog, APacketDoesNotPayForWhatRanOutBeforeIt) {
  TestGateway gateway;
  open_many(gateway);
  gateway.advance(seconds(301));
  gateway.from_outside(udp(remote(3), endpoint(kExternal)));
  EXPECT_LE(gateway.engine.last_work(), Engine::kMostWorkOfPacket);
  gateway.from_inside(udp(endpoint(kIn1), remote(9)));
  EXPECT_LE(gateway.engine.last_work(), Engine::kMostWorkOfPacket);
}

TEST(EngineBacklog, AnAddressThatGoesTakesItsMappingsAtOnce) {
  TestGateway gateway;
  for (std::uint16_t i = 0; i < 3000; ++i) {
    gateway.from_inside(udp({address("10.0.0.1"), static_cast<std::uint16_t>(1024 + i)}, remote(0)));
  }
  const ApplyReport report =
      gateway.change([](Policy& policy) { policy.external_addresses = {address("203.0.113.99")}; });
  EXPECT_EQ(report.removed_mappings, 3000U);
  EXPECT_LE(gateway.engine.last_work(), Engine::kMostWorkOfStep);
  const Outcome out = gateway.from_inside(udp({address("10.0.0.1"), 1024}, remote(0)));
  EXPECT_EQ(source_of(out.packet).address, address("203.0.113.99")) << "nothing leaves from the old address";
  EXPECT_EQ(gateway.mappings().size(), 1U) << "the others are not shown either";
  gateway.sweep();
  EXPECT_EQ(gateway.observed().removed.size(), 3000U);
  for (const auto& removal : gateway.observed().removed) EXPECT_EQ(removal.cause, RemovalCause::address_lost);
}

// An address that comes back before the sweep has come to its mappings is another one: its ports are free.
TEST(EngineBacklog, AnAddressThatComesBackBeginsAnew) {
  TestGateway gateway;
  gateway.from_inside(udp(endpoint(kIn1), remote(0)));
  gateway.change([](Policy& policy) { policy.external_addresses.clear(); });
  gateway.change([](Policy& policy) { policy.external_addresses = {address("203.0.113.11")}; });
  EXPECT_EQ(gateway.from_outside(udp(remote(0), endpoint(kExternal))).reason, Reason::no_mapping);
  const Outcome other = gateway.from_inside(udp({address("10.0.0.2"), 4321}, remote(1)));
  EXPECT_EQ(source_of(other.packet), endpoint(kExternal));
  gateway.sweep();
  EXPECT_TRUE(gateway.from_outside(udp(remote(1), endpoint(kExternal))).forwarded());
  for (const Gauges::Pool& pool : gateway.engine.gauges().pools) {
    EXPECT_EQ(pool.used, pool.protocol == Protocol::udp ? 1U : 0U);
  }
}

// Another rule for a host holds for its open sessions from the next packet on.
TEST(EngineBacklog, AnotherRuleHoldsAtOnce) {
  TestGateway gateway;
  for (std::uint16_t i = 0; i < 2000; ++i) {
    gateway.from_inside(udp({address("10.0.0.1"), static_cast<std::uint16_t>(1024 + i)}, remote(0)));
  }
  gateway.change([](Policy& policy) {
    HostRule rule;
    rule.internal = Prefix(address("10.0.0.1"), 32);
    rule.profile = policy;
    rule.profile.timeouts.udp = seconds(1000);
    rule.profile.udp.filtering = Behavior::endpoint_independent;
    policy.host_rules = {rule};
  });
  EXPECT_LE(gateway.engine.last_work(), Engine::kMostWorkOfStep);
  const Endpoint last{address("10.0.0.1"), 3023};
  EXPECT_TRUE(gateway.from_outside(udp(remote(99), {address("203.0.113.11"), 3023})).forwarded());
  gateway.from_inside(udp(last, remote(0)));
  gateway.pass(seconds(900));
  EXPECT_TRUE(gateway.from_outside(udp(remote(0), {address("203.0.113.11"), 3023})).forwarded());
}

}  // namespace
}  // namespace nat::test
