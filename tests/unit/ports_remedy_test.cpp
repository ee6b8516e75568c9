// What explain() names against ports-exhausted must help: the setting is applied, and the packet that was
// refused passes.
#include <gtest/gtest.h>

#include "config/document.h"
#include "config/validate.h"
#include "tests/support/packet_builder.h"
#include "tests/support/test_gateway.h"

namespace nat::test {
namespace {

constexpr auto kOut1 = "192.0.2.31:7000";
const Address kFirst(203, 0, 113, 11);
const Address kSecond(203, 0, 113, 12);

Endpoint host(std::uint32_t number, std::uint16_t port) { return {Address((10U << 24) + number), port}; }

class PortsRemedy : public testing::Test {
 protected:
  // As natd.conf or `natctl set` would.
  void set(const std::vector<std::string>& assignments) {
    const Document document = parse_assignments(assignments, "");
    auto wanted = validate(settings_, {&document, 1}, Interfaces::optional);
    ASSERT_TRUE(wanted) << assignments.front();
    settings_ = *wanted;
  }
  // Sends from ever other hosts, or from one, until there is no port; returns the packet that was refused.
  Octets exhaust(TestGateway& gateway, std::uint16_t port, bool one_host = false) {
    for (std::uint32_t number = 1;; ++number) {
      const Endpoint from =
          one_host ? host(1, static_cast<std::uint16_t>(port + number)) : host(number, port);
      const Octets packet = udp(from, endpoint(kOut1));
      const Outcome outcome = gateway.from_inside(packet);
      if (outcome.reason == Reason::ports_exhausted) return packet;
      EXPECT_TRUE(outcome.forwarded());
      if (!outcome.forwarded()) return packet;
    }
  }
  static Explanation told(TestGateway& gateway, Octets packet) {
    return gateway.engine.explain({.octets = packet}, Realm::internal, gateway.now());
  }
  // The setting that is named, applied to the engine that refused, lets the packet pass.
  void expect_helps(const std::string& setting, std::uint16_t port, bool one_host = false) {
    TestGateway gateway(settings_.policy);
    const Octets refused = exhaust(gateway, port, one_host);
    const Explanation explanation = told(gateway, refused);
    EXPECT_EQ(explanation.reason, Reason::ports_exhausted);
    ASSERT_EQ(explanation.setting, setting) << explanation.remedy;
    set({setting});
    gateway.apply(settings_.policy);
    EXPECT_TRUE(gateway.from_inside(refused).forwarded());
  }
  // The same from the beginning, for what natd reads when it starts.
  void expect_helps_after_restart(const std::string& setting, std::uint16_t port) {
    TestGateway gateway(settings_.policy);
    const Octets refused = exhaust(gateway, port, true);
    ASSERT_EQ(told(gateway, refused).setting, setting) << told(gateway, refused).remedy;
    const auto refused_after = gateway.mappings().size();
    set({setting});
    TestGateway restarted(settings_.policy);
    exhaust(restarted, port, true);
    EXPECT_GT(restarted.mappings().size(), refused_after);
  }

  PortsRemedy() {
    settings_.policy = plain_policy();
    settings_.policy.limits.hosts = 100000;
    settings_.policy.limits.mappings = 100000;
  }

  Settings settings_;
};

// Rows: U3a
TEST_F(PortsRemedy, SpillWhereTheOtherClassHasPorts) {
  set({"ports.spill=no"});
  expect_helps("ports.spill=yes", 123);
}

// Nothing is wrong with the ranges where only ports of the gateway lie outside of them.
TEST_F(PortsRemedy, NoRangesWhereTheyWouldAddNothing) {
  set({"ports.spill=no", "ports.ranges=512-59999,61000-65535"});
  expect_helps("ports.spill=yes", 123);
}

TEST_F(PortsRemedy, RangesWhereTheyAddPortsOfTheClass) {
  set({"ports.spill=no", "ports.ranges=1000-1023,2000-2999"});
  expect_helps("ports.ranges=512-65535", 123);
}

TEST_F(PortsRemedy, NoRangesWhereTheyAddPortsOfTheOtherClassOnly) {
  set({"ports.spill=no", "ports.ranges=512-1023,2000-2999"});
  expect_helps("ports.spill=yes", 123);
}

TEST_F(PortsRemedy, RangesWhereTheMappingMaySpillIntoThem) {
  set({"ports.ranges=512-515,2000-2003"});
  expect_helps("ports.ranges=512-65535", 123);
}

// Rows: X4
TEST_F(PortsRemedy, AnotherAddressWhereThatHasPorts) {
  settings_.policy.external_addresses = {kFirst, kSecond};
  set({"hosts.rule=10.0.0.0/8: ports.ranges=40000-40009"});
  expect_helps("pool.soft=yes", 5000, true);
}

TEST_F(PortsRemedy, TheRuleThatSetsThePortsAside) {
  set({"hosts.rule=10.0.0.0/8: ports.ranges=40000-40009"});
  TestGateway gateway(settings_.policy);
  const Octets refused = exhaust(gateway, 5000);
  EXPECT_EQ(told(gateway, refused).remedy, "no ports.ranges in rule 1 of hosts.rule");
  set({"hosts.rule=10.0.0.0/8: ports.preserve=yes"});
  gateway.apply(settings_.policy);
  EXPECT_TRUE(gateway.from_inside(refused).forwarded());
}

TEST_F(PortsRemedy, OneMoreAddressWhereAllPortsAreInUse) {
  TestGateway gateway(settings_.policy);
  const Octets refused = exhaust(gateway, 5000);
  EXPECT_EQ(
      told(gateway, refused).remedy,
      "one more external address: pool.address = ADDRESS and pool.soft = yes in natd.conf, and a restart of "
      "natd");
  set({"pool.soft=yes"});
  settings_.policy.external_addresses = {kFirst, kSecond};
  gateway.apply(settings_.policy);
  EXPECT_TRUE(gateway.from_inside(refused).forwarded());
}

// Rows: B4
TEST_F(PortsRemedy, MoreExtraBlocksOfTheHostWhereSomeAreLeft) {
  set({"blocks.subscribers=10.0.0.1-10.0.0.255", "blocks.extra-per-host=1", "blocks.extra-size=8"});
  expect_helps_after_restart("blocks.extra-per-host=3", 2000);
}

// Rows: B4
TEST_F(PortsRemedy, MoreExtraBlocksWhereNoneIsLeft) {
  set({"blocks.subscribers=10.0.0.1-10.0.0.255", "blocks.extra-per-host=64", "blocks.dynamic=1"});
  TestGateway gateway(settings_.policy);
  const Octets refused = exhaust(gateway, 2000, true);
  EXPECT_EQ(told(gateway, refused).remedy,
            "more extra blocks: blocks.dynamic in natd.conf, and a restart of natd");
  const auto before = gateway.mappings().size();
  set({"blocks.dynamic=2"});
  TestGateway restarted(settings_.policy);
  exhaust(restarted, 2000, true);
  EXPECT_GT(restarted.mappings().size(), before);
}

}  // namespace
}  // namespace nat::test
