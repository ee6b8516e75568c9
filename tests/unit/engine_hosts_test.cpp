// Rules for some hosts: mapping, filtering, ports, timers and limits of their own (draft-ford-midcom-p2p-01
// section 5.2), and what hosts share badly when a laboratory wants it so.
#include <set>

#include <gtest/gtest.h>

#include "tests/support/packet_builder.h"
#include "tests/support/test_gateway.h"

namespace nat::test {
namespace {

constexpr auto kOut1 = "192.0.2.31:7000";
constexpr auto kOut1Other = "192.0.2.31:7001";
constexpr auto kOut2 = "192.0.2.32:7000";
constexpr auto kOwn = Behavior::address_and_port_dependent;
constexpr auto kAny = Behavior::endpoint_independent;

// Symmetric for all but UDP from 10.0.0.1, ports 4000 to 4999, which is a cone on ports 40000 to 40009.
Policy partial_cone() {
  Policy policy = plain_policy();
  policy.udp = {kOwn, kOwn};
  policy.ports.ranges = {{1024, 65535}};
  HostRule rule;
  rule.internal = Prefix(address("10.0.0.1"), 32);
  rule.protocol = Protocol::udp;
  rule.internal_ports = {4000, 4999};
  rule.profile = policy;
  rule.profile.udp = {kAny, kAny};
  rule.profile.ports.ranges = {{40000, 40009}};
  rule.own_ports = true;
  policy.host_rules = {rule};
  return policy;
}

Endpoint mapped(TestGateway& gateway, std::string_view from, std::string_view to) {
  const Outcome out = gateway.from_inside(udp(endpoint(from), endpoint(to)));
  return out.forwarded() ? source_of(out.packet) : Endpoint{};
}

// A range set aside for one-to-many sessions beside a symmetric rest; neither takes from the other.
// Rows: F5.2 F5.2b U8a
TEST(EngineHosts, PartialCone) {
  TestGateway gateway(partial_cone());
  const Endpoint cone = mapped(gateway, "10.0.0.1:4321", kOut1);
  EXPECT_TRUE((PortRange{40000, 40009}.contains(cone.port)));
  EXPECT_EQ(mapped(gateway, "10.0.0.1:4321", kOut2), cone);
  EXPECT_EQ(gateway.mappings()[0].filtering, kAny);
  EXPECT_TRUE(gateway.from_outside(udp(endpoint("198.51.100.9:9"), cone)).forwarded());

  for (const char* other : {"10.0.0.1:5000", "10.0.0.2:4321", "10.0.0.2:40001"}) {
    const Endpoint first = mapped(gateway, other, kOut1);
    const Endpoint second = mapped(gateway, other, kOut2);
    EXPECT_NE(first, second) << other;
    EXPECT_FALSE((PortRange{40000, 40009}.contains(first.port))) << other;
    EXPECT_EQ(gateway.from_outside(udp(endpoint(kOut1Other), first)).reason, Reason::filtered_by_port);
  }
}

Policy without_mail() {
  Policy policy = plain_policy();
  HostRule rule;
  rule.internal = Prefix(address("10.0.0.60"), 32);
  rule.protocol = Protocol::tcp;
  rule.remote_ports = {25, 25};
  rule.profile = policy;
  rule.deny = true;
  policy.host_rules = {rule};
  return policy;
}

// What a rule denies makes no state, and is told from all that it does not name.
TEST(EngineHosts, ARuleDenies) {
  TestGateway gateway(without_mail());
  EXPECT_EQ(gateway.from_inside(tcp("10.0.0.60:4000", "192.0.2.31:25", kSyn)).reason, Reason::denied_by_rule);
  EXPECT_TRUE(gateway.mappings().empty());
  EXPECT_EQ(gateway.engine.gauges().hosts, 0U);
  EXPECT_TRUE(gateway.from_inside(tcp("10.0.0.60:4000", "192.0.2.31:587", kSyn)).forwarded());
  EXPECT_TRUE(gateway.from_inside(udp("10.0.0.60:4000", "192.0.2.31:25")).forwarded());
  EXPECT_TRUE(gateway.from_inside(tcp("10.0.0.61:4000", "192.0.2.31:25", kSyn)).forwarded());
  // By a mapping that is there, too.
  EXPECT_EQ(gateway.from_inside(tcp("10.0.0.60:4000", "192.0.2.31:25", kSyn)).reason, Reason::denied_by_rule);
  EXPECT_EQ(gateway.engine.gauges().sessions, 3U);
}

TEST(EngineHosts, ARuleThatDeniesIsAboutWhatHostsOpen) {
  Policy policy = without_mail();
  policy.tcp.filtering = Behavior::endpoint_independent;
  TestGateway gateway(policy);
  const Endpoint external = mapped(gateway, "10.0.0.60:4000", kOut1);
  gateway.from_inside(tcp("10.0.0.60:4000", kOut1, kSyn));
  EXPECT_TRUE(gateway.from_outside(tcp(endpoint("192.0.2.31:25"), external, kSyn)).forwarded());
  EXPECT_TRUE(gateway.from_inside(tcp("10.0.0.60:4000", "192.0.2.31:25", kSyn | kAck)).forwarded());
}

// What is open goes on when a rule comes; what has run out is not opened again.
TEST(EngineHosts, ARuleThatComesDeniesWhatIsNotOpen) {
  Policy policy = without_mail();
  policy.host_rules[0].protocol = Protocol::udp;
  const std::vector<HostRule> rules = std::exchange(policy.host_rules, {});
  TestGateway gateway(policy);
  ASSERT_TRUE(gateway.from_inside(udp("10.0.0.60:4000", "192.0.2.31:25")).forwarded());
  gateway.change([&](Policy& p) { p.host_rules = rules; });
  EXPECT_TRUE(gateway.from_inside(udp("10.0.0.60:4000", "192.0.2.31:25")).forwarded());
  EXPECT_TRUE(gateway.from_outside(udp("192.0.2.31:25", "203.0.113.11:4000")).forwarded());
  gateway.pass(seconds(200));
  gateway.from_inside(udp("10.0.0.60:4000", kOut1));
  gateway.pass(seconds(101));
  EXPECT_EQ(gateway.engine.gauges().dormant, 1U);
  EXPECT_EQ(gateway.from_inside(udp("10.0.0.60:4000", "192.0.2.31:25")).reason, Reason::denied_by_rule);
}

// The first rule that fits counts, so one that allows may stand before one that denies.
TEST(EngineHosts, AnExceptionStandsBeforeTheRuleThatDenies) {
  Policy policy = without_mail();
  policy.host_rules[0].internal = Prefix(Address(), 0);
  HostRule server = policy.host_rules[0];
  server.internal = Prefix(address("10.0.0.60"), 32);
  server.deny = false;
  policy.host_rules.insert(policy.host_rules.begin(), server);
  TestGateway gateway(policy);
  EXPECT_TRUE(gateway.from_inside(tcp("10.0.0.60:4000", "192.0.2.31:25", kSyn)).forwarded());
  EXPECT_EQ(gateway.from_inside(tcp("10.0.0.61:4000", "192.0.2.31:25", kSyn)).reason, Reason::denied_by_rule);
}

// Media that a host only receives live as long as they flow, where its rule says so, and no other host's.
TEST(EngineHosts, InboundPacketsRefreshWhereTheRuleSaysSo) {
  Policy policy = plain_policy();
  HostRule rule;
  rule.internal = Prefix(address("10.0.0.1"), 32);
  rule.profile = policy;
  rule.profile.timeouts.udp_inbound_refresh = true;
  policy.host_rules = {rule};
  TestGateway gateway(policy);
  const Endpoint kept = mapped(gateway, "10.0.0.1:4001", kOut1);
  const Endpoint ends = mapped(gateway, "10.0.0.2:4002", kOut1);
  for (unsigned half_minute = 0; half_minute < 20; ++half_minute) {
    gateway.pass(seconds(30));
    EXPECT_TRUE(gateway.from_outside(udp(endpoint(kOut1), kept)).forwarded());
    gateway.from_outside(udp(endpoint(kOut1), ends));
  }
  EXPECT_EQ(gateway.from_outside(udp(endpoint(kOut1), ends)).reason, Reason::no_mapping);
}

// The range of a rule is all it has: when it is full the newcomer is refused, though others have room.
// Rows: F5.2 U11
TEST(EngineHosts, AFullRangeOfARule) {
  TestGateway gateway(partial_cone());
  std::set<std::uint16_t> ports;
  for (std::uint16_t port = 4000; port < 4010; ++port) {
    ports.insert(mapped(gateway, Endpoint{address("10.0.0.1"), port}.to_string(), kOut1).port);
  }
  EXPECT_EQ(ports.size(), 10U);
  EXPECT_EQ(*ports.begin(), 40000);
  EXPECT_EQ(gateway.from_inside(udp("10.0.0.1:4010", kOut1)).reason, Reason::ports_exhausted);
  EXPECT_NE(mapped(gateway, "10.0.0.1:6000", kOut1), Endpoint{});
}

// The remote port may choose as well, and the first rule that fits counts.
// Rows: F5.2b
TEST(EngineHosts, TheFirstRuleThatFits) {
  Policy policy = plain_policy();
  HostRule dns;
  dns.remote_ports = {53, 53};
  dns.profile = policy;
  dns.profile.timeouts.udp = seconds(10);
  HostRule all = dns;
  all.remote_ports = {0, 65535};
  all.profile.timeouts.udp = seconds(1000);
  policy.host_rules = {dns, all};
  TestGateway gateway(policy);
  mapped(gateway, "10.0.0.1:4000", "192.0.2.31:53");
  mapped(gateway, "10.0.0.1:4001", kOut1);
  gateway.pass(seconds(12));
  ASSERT_EQ(gateway.mappings().size(), 1U);
  EXPECT_EQ(gateway.mappings()[0].internal, endpoint("10.0.0.1:4001"));
  gateway.pass(seconds(900));
  EXPECT_EQ(gateway.mappings().size(), 1U);
}

// Timers of a rule hold for the P2P range although those of all others are shorter.
// Rows: F5.5 U5c
TEST(EngineHosts, TimersOfTheirOwn) {
  Policy policy = partial_cone();
  policy.timeouts.udp = seconds(120);
  TestGateway gateway(policy);
  const Endpoint cone = mapped(gateway, "10.0.0.1:4321", kOut1);
  const Endpoint rest = mapped(gateway, "10.0.0.2:4321", kOut1);
  gateway.pass(seconds(122));
  EXPECT_FALSE(gateway.from_outside(udp(endpoint(kOut1), rest)).forwarded());
  EXPECT_TRUE(gateway.from_outside(udp(endpoint(kOut1), cone)).forwarded());
  gateway.pass(seconds(177));
  EXPECT_TRUE(gateway.from_outside(udp(endpoint(kOut1), cone)).forwarded());
  gateway.pass(seconds(2));
  EXPECT_FALSE(gateway.from_outside(udp(endpoint(kOut1), cone)).forwarded());
}

// A quota of one host leaves the others alone.
// Rows: C4 C4b
TEST(EngineHosts, QuotasOfTheirOwn) {
  Policy policy = plain_policy();
  HostRule rule;
  rule.internal = Prefix(address("10.0.0.1"), 32);
  rule.profile = policy;
  rule.profile.limits.udp_mappings_per_host = 2;
  rule.profile.limits.tcp_mappings_per_host = 3;
  policy.host_rules = {rule};
  TestGateway gateway(policy);
  for (std::uint16_t port = 1; port <= 4; ++port) {
    const std::uint16_t from = static_cast<std::uint16_t>(4000 + port);
    const Endpoint limited{address("10.0.0.1"), from};
    EXPECT_EQ(gateway.from_inside(udp(limited, endpoint(kOut1))).forwarded(), port <= 2);
    EXPECT_EQ(gateway.from_inside(tcp(limited, endpoint(kOut1), nat::tcp::kSyn)).forwarded(), port <= 3);
    EXPECT_TRUE(gateway.from_inside(udp({address("10.0.0.2"), from}, endpoint(kOut1))).forwarded());
  }
  EXPECT_EQ(gateway.count(Reason::host_mapping_limit), 3U);
}

// A new rule acts on what is there: filtering and timers at once, the external endpoint stays.
// Rows: U8a
TEST(EngineHosts, RulesComeAndGoWhileTrafficFlows) {
  const Policy with_rule = partial_cone();
  Policy without = with_rule;
  without.host_rules.clear();
  without.udp.mapping = kAny;
  TestGateway gateway(without);
  const Endpoint before = mapped(gateway, "10.0.0.1:4321", kOut1);
  EXPECT_FALSE(gateway.from_outside(udp(endpoint(kOut2), before)).forwarded());
  gateway.apply(with_rule);
  EXPECT_TRUE(gateway.from_outside(udp(endpoint(kOut2), before)).forwarded());
  EXPECT_EQ(mapped(gateway, "10.0.0.1:4321", "192.0.2.33:1"), before);
  gateway.apply(without);
  EXPECT_FALSE(gateway.from_outside(udp("192.0.2.34:1", before.to_string())).forwarded());
}

// X3: off, two hosts never share an external endpoint; on, they do as long as their remotes differ.
// Rows: X3 T7
TEST(EngineHosts, PortOverloadingIsForLaboratories) {
  Policy policy = plain_policy();
  TestGateway gateway(policy);
  EXPECT_NE(mapped(gateway, "10.0.0.1:4321", kOut1).port, mapped(gateway, "10.0.0.2:4321", kOut2).port);

  policy.misbehavior.port_overloading = true;
  TestGateway bad(policy);
  const Endpoint shared = mapped(bad, "10.0.0.1:4321", kOut1);
  EXPECT_EQ(mapped(bad, "10.0.0.2:4321", kOut2), shared);
  EXPECT_NE(mapped(bad, "10.0.0.3:4321", kOut1), shared);
  EXPECT_EQ(destination_of(bad.from_outside(udp(endpoint(kOut1), shared)).packet), endpoint("10.0.0.1:4321"));
  EXPECT_EQ(destination_of(bad.from_outside(udp(endpoint(kOut2), shared)).packet), endpoint("10.0.0.2:4321"));
  bad.pass(seconds(400));
  EXPECT_TRUE(bad.mappings().empty());
  EXPECT_EQ(bad.engine.gauges().pools[0].used, 0U);
}

// The paired address is full: hard pairing refuses, soft pairing takes another address.
// Rows: X4 U2 C2 C3
TEST(EngineHosts, HardAndSoftPairing) {
  for (const bool soft : {false, true}) {
    Policy policy = plain_policy();
    policy.external_addresses = {address("203.0.113.11"), address("203.0.113.13")};
    policy.ports.ranges = {{2000, 2003}};
    policy.soft_pairing = soft;
    TestGateway gateway(policy);
    std::set<Address> addresses;
    for (std::uint16_t port = 5000; port < 5004; ++port) {
      addresses.insert(mapped(gateway, Endpoint{address("10.0.0.1"), port}.to_string(), kOut1).address);
    }
    ASSERT_EQ(addresses.size(), 1U);
    const Outcome fifth = gateway.from_inside(udp("10.0.0.1:5004", kOut1));
    EXPECT_EQ(fifth.forwarded(), soft);
    if (soft) {
      EXPECT_FALSE(addresses.contains(source_of(fifth.packet).address));
    } else {
      EXPECT_EQ(fifth.reason, Reason::ports_exhausted);
    }
  }
}

}  // namespace
}  // namespace nat::test
