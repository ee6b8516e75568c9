// A policy that changes while traffic flows, and the mappings that an operator asks for.
#include <gtest/gtest.h>

#include "tests/support/packet_builder.h"
#include "tests/support/test_gateway.h"

namespace nat::test {
namespace {

constexpr auto kIn1 = "10.0.0.1:4321";
constexpr auto kOut1 = "192.0.2.31:7000";
constexpr auto kOut2 = "192.0.2.32:7000";
constexpr auto kExternal = "203.0.113.11:4321";

PortForward forward(Protocol protocol, const char* external, const char* internal, const char* name = "") {
  return {protocol, endpoint(external), endpoint(internal), name};
}

// The filter of the new mode applies to the next inbound packet; mappings keep their endpoints.
// Rows: U8a
TEST(EnginePolicy, FilteringChangesAtOnce) {
  TestGateway gateway;
  gateway.from_inside(udp(kIn1, kOut1));
  EXPECT_EQ(gateway.from_outside(udp(kOut2, kExternal)).reason, Reason::filtered_by_address);
  const ApplyReport report =
      gateway.change([](Policy& policy) { policy.udp.filtering = Behavior::endpoint_independent; });
  EXPECT_EQ(report.kept_mappings, 1U);
  EXPECT_EQ(report.kept_sessions, 1U);
  EXPECT_EQ(report.removed_mappings, 0U);
  EXPECT_TRUE(gateway.from_outside(udp(kOut2, kExternal)).forwarded());
  gateway.change([](Policy& policy) { policy.udp.filtering = Behavior::address_and_port_dependent; });
  // A session made only by the remote is none to the new filter; the one from inside stays open.
  EXPECT_EQ(gateway.from_outside(udp(kOut2, kExternal)).reason, Reason::filtered_by_port);
  EXPECT_TRUE(gateway.from_outside(udp(kOut1, kExternal)).forwarded());
}

// Rows: T3a
TEST(EnginePolicy, TheFilterOfTcpChangesAtOnce) {
  TestGateway gateway;
  gateway.from_inside(tcp(kIn1, kOut1, kSyn));
  EXPECT_EQ(gateway.from_outside(tcp(kOut2, kExternal, kSyn)).reason, Reason::filtered_by_address);
  gateway.change([](Policy& policy) { policy.tcp.filtering = Behavior::endpoint_independent; });
  EXPECT_TRUE(gateway.from_outside(tcp(kOut2, kExternal, kSyn)).forwarded());
  gateway.change([](Policy& policy) { policy.tcp.filtering = Behavior::address_and_port_dependent; });
  EXPECT_EQ(gateway.from_outside(tcp("192.0.2.31:7001", kExternal, kSyn)).reason, Reason::filtered_by_port);
}

// The mapping behaviour applies to the next new session; open ones stay where they are.
TEST(EnginePolicy, MappingChangesWithTheNextSession) {
  TestGateway gateway;
  gateway.from_inside(udp(kIn1, kOut1));
  gateway.change([](Policy& policy) { policy.udp.mapping = Behavior::address_and_port_dependent; });
  EXPECT_EQ(source_of(gateway.from_inside(udp(kIn1, kOut1)).packet), endpoint(kExternal));
  EXPECT_NE(source_of(gateway.from_inside(udp(kIn1, kOut2)).packet), endpoint(kExternal));
  gateway.change([](Policy& policy) { policy.udp.mapping = Behavior::endpoint_independent; });
  EXPECT_EQ(source_of(gateway.from_inside(udp(kIn1, "192.0.2.33:1")).packet), endpoint(kExternal));
  EXPECT_EQ(gateway.mappings().size(), 2U);
}

// An established connection survives every mode.
TEST(EnginePolicy, AnOpenConnectionSurvivesEveryMode) {
  TestGateway gateway;
  gateway.from_inside(tcp(kIn1, kOut1, kSyn));
  gateway.from_outside(tcp(kOut1, kExternal, kSyn | kAck));
  gateway.from_inside(tcp(kIn1, kOut1, kAck));
  for (const Preset& preset : kPresets) {
    gateway.change([&](Policy& policy) {
      for (const Protocol protocol : kProtocols) policy.of(protocol) = {preset.mapping, preset.filtering};
    });
    EXPECT_EQ(gateway.from_inside(tcp(kIn1, kOut1, kAck).payload("x")).packet,
              tcp(kExternal, kOut1, kAck).payload("x").build());
    EXPECT_TRUE(gateway.from_outside(tcp(kOut1, kExternal, kAck).payload("y")).forwarded());
  }
}

TEST(EnginePolicy, AnAddressLeavesAndAnotherComes) {
  TestGateway gateway;
  gateway.from_inside(udp(kIn1, kOut1));
  const ApplyReport report =
      gateway.change([](Policy& policy) { policy.external_addresses = {address("203.0.113.99")}; });
  EXPECT_EQ(report.removed_mappings, 1U);
  gateway.sweep();
  ASSERT_EQ(gateway.observed().removed.size(), 1U);
  EXPECT_EQ(gateway.observed().removed[0].cause, RemovalCause::address_lost);
  EXPECT_EQ(gateway.from_outside(udp(kOut1, kExternal)).reason, Reason::not_ours);
  EXPECT_EQ(source_of(gateway.from_inside(udp(kIn1, kOut1)).packet), endpoint("203.0.113.99:4321"));
  gateway.change([](Policy& policy) { policy.external_addresses.clear(); });
  EXPECT_EQ(gateway.from_inside(udp(kIn1, kOut1)).reason, Reason::no_external_address);
  EXPECT_TRUE(gateway.engine.gauges().pools.empty());
}

// --- Port forwards.

TEST(EnginePolicy, AForwardLetsEverybodyIn) {
  TestGateway gateway;
  gateway.set_forwards({forward(Protocol::tcp, "0.0.0.0:8443", "10.0.0.1:443", "web")});
  const Outcome syn = gateway.from_outside(tcp(kOut1, "203.0.113.11:8443", kSyn));
  ASSERT_TRUE(syn.forwarded());
  EXPECT_EQ(destination_of(syn.packet), endpoint("10.0.0.1:443"));
  EXPECT_EQ(source_of(gateway.from_inside(tcp("10.0.0.1:443", kOut1, kSyn | kAck)).packet),
            endpoint("203.0.113.11:8443"));
  const auto mappings = gateway.mappings();
  ASSERT_EQ(mappings.size(), 1U);
  EXPECT_EQ(mappings[0].name, "web");
  EXPECT_EQ(mappings[0].origin, Origin::configured);
  EXPECT_EQ(mappings[0].expires, kNever);
  gateway.pass(std::chrono::hours(10));
  EXPECT_EQ(gateway.mappings().size(), 1U);
  EXPECT_TRUE(gateway.sessions().empty());
}

// New sessions of the internal endpoint leave by the forward.
TEST(EnginePolicy, AForwardIsTheMappingOfItsHost) {
  Policy policy = plain_policy();
  policy.udp.mapping = Behavior::address_and_port_dependent;
  TestGateway gateway(policy);
  gateway.set_forwards({forward(Protocol::udp, "203.0.113.11:9000", "10.0.0.1:4321")});
  EXPECT_EQ(source_of(gateway.from_inside(udp(kIn1, kOut1)).packet), endpoint("203.0.113.11:9000"));
  EXPECT_EQ(source_of(gateway.from_inside(udp(kIn1, kOut2)).packet), endpoint("203.0.113.11:9000"));
}

TEST(EnginePolicy, ForwardsComeAndGo) {
  TestGateway gateway;
  const auto web = forward(Protocol::tcp, "0.0.0.0:8443", "10.0.0.1:443", "web");
  const auto other = forward(Protocol::tcp, "0.0.0.0:8444", "10.0.0.2:443", "other");
  EXPECT_TRUE(gateway.set_forwards({web, other}).empty());
  EXPECT_EQ(gateway.mappings().size(), 2U);
  const std::uint64_t kept = gateway.mappings()[1].id;
  gateway.from_outside(tcp(kOut1, "203.0.113.11:8443", kSyn));
  EXPECT_TRUE(gateway.set_forwards({other}).empty());
  ASSERT_EQ(gateway.mappings().size(), 1U);
  EXPECT_EQ(gateway.mappings()[0].id, kept);
  EXPECT_EQ(gateway.from_outside(tcp(kOut1, "203.0.113.11:8443", kSyn)).reason, Reason::unsolicited_syn);
  EXPECT_EQ(gateway.observed().removed.back().cause, RemovalCause::deleted);
}

TEST(EnginePolicy, ForwardsThatCannotBeMadeSayWhy) {
  TestGateway gateway;
  gateway.host.sockets = {{Protocol::tcp, 22}};
  gateway.from_inside(tcp(kIn1, kOut1, kSyn));
  const auto refused = gateway.set_forwards({forward(Protocol::tcp, "0.0.0.0:4321", "10.0.0.9:80"),
                                             forward(Protocol::tcp, "0.0.0.0:22", "10.0.0.9:22"),
                                             forward(Protocol::tcp, "198.51.100.1:80", "10.0.0.9:80")});
  ASSERT_EQ(refused.size(), 3U);
  EXPECT_EQ(refused[0].error, MapError::port_taken);
  EXPECT_EQ(refused[0].holder, endpoint("10.0.0.1:4321"));
  EXPECT_EQ(refused[1].error, MapError::port_of_gateway);
  EXPECT_EQ(refused[2].error, MapError::not_external);
  EXPECT_EQ(gateway.mappings().size(), 1U);
  EXPECT_EQ(gateway.engine.gauges().hosts, 1U);
}

// A mapping that has run out, but was not swept yet, is not in the way.
TEST(EnginePolicy, AForwardTakesAnExpiredPort) {
  TestGateway gateway;
  gateway.from_inside(udp(kIn1, kOut1));
  gateway.advance(seconds(302));
  EXPECT_TRUE(gateway.set_forwards({forward(Protocol::udp, "0.0.0.0:4321", "10.0.0.9:80")}).empty());
  EXPECT_EQ(destination_of(gateway.from_outside(udp(kOut2, kExternal)).packet), endpoint("10.0.0.9:80"));
}

TEST(EnginePolicy, HairpinToAForward) {
  TestGateway gateway;
  gateway.set_forwards({forward(Protocol::tcp, "0.0.0.0:8443", "10.0.0.9:443")});
  const Outcome syn = gateway.from_inside(tcp(kIn1, "203.0.113.11:8443", kSyn));
  EXPECT_EQ(syn.reason, Reason::hairpinned);
  EXPECT_EQ(destination_of(syn.packet), endpoint("10.0.0.9:443"));
}

// --- Flushing and looking.

TEST(EnginePolicy, FlushTakesEffectAtOnceAndLeavesForwardsAlone) {
  TestGateway gateway;
  gateway.set_forwards({forward(Protocol::tcp, "0.0.0.0:8443", "10.0.0.9:443")});
  gateway.from_inside(udp(kIn1, kOut1));
  gateway.from_inside(udp("10.0.0.2:5000", kOut1));
  std::uint64_t cursor = 0;
  std::uint32_t flushed = 0;
  do {
    flushed += gateway.engine
                   .flush(
                       cursor, 1,
                       [](const MappingView& m) {
                         return m.internal.address == address("10.0.0.1") || m.origin == Origin::configured;
                       },
                       gateway.now())
                   .mappings;
  } while (cursor != 0);
  EXPECT_EQ(flushed, 1U);
  EXPECT_EQ(gateway.from_outside(udp(kOut1, kExternal)).reason, Reason::no_mapping);
  EXPECT_TRUE(gateway.from_outside(udp(kOut1, "203.0.113.11:5000")).forwarded());
  EXPECT_EQ(gateway.mappings().size(), 2U);
}

// A dry run says what the packet would meet, and changes nothing.
TEST(EnginePolicy, ExplainForetells) {
  TestGateway gateway;
  gateway.from_inside(udp(kIn1, kOut1));
  const auto before = gateway.engine.gauges();
  const auto ask = [&](Realm in, const char* source, const char* destination) {
    return gateway.engine.explain({.protocol = Protocol::udp,
                                   .in = in,
                                   .source = endpoint(source),
                                   .destination = endpoint(destination)},
                                  gateway.now());
  };
  Explanation explanation = ask(Realm::external, kOut2, kExternal);
  EXPECT_EQ(explanation.reason, Reason::filtered_by_address);
  EXPECT_NE(explanation.remedy.find("udp.filtering=endpoint-independent"), std::string::npos);
  explanation = ask(Realm::external, kOut1, kExternal);
  EXPECT_EQ(explanation.reason, Reason::translated);
  EXPECT_EQ(explanation.destination, endpoint(kIn1));
  explanation = ask(Realm::internal, "10.0.0.2:9", kOut1);
  EXPECT_EQ(explanation.reason, Reason::translated);
  EXPECT_EQ(explanation.source, endpoint("203.0.113.11:0"));
  EXPECT_EQ(gateway.engine.gauges().sessions, before.sessions);
  EXPECT_EQ(gateway.engine.gauges().mappings, before.mappings);
}

TEST(EnginePolicy, EventsAreToldOnce) {
  TestGateway gateway;
  gateway.from_inside(udp(kIn1, kOut1));
  gateway.from_inside(udp(kIn1, kOut2));
  ASSERT_EQ(gateway.observed().created.size(), 1U);
  EXPECT_EQ(gateway.observed().created[0].external, endpoint(kExternal));
  gateway.pass(seconds(302));
  ASSERT_EQ(gateway.observed().removed.size(), 1U);
  EXPECT_EQ(gateway.observed().removed[0].cause, RemovalCause::expired);
  EXPECT_EQ(gateway.engine.counters().mappings_created, 1U);
  EXPECT_EQ(gateway.engine.counters().mappings_removed, 1U);
  EXPECT_EQ(gateway.engine.counters().sessions_created, 2U);
  EXPECT_EQ(gateway.engine.counters().sessions_removed, 2U);
}

}  // namespace
}  // namespace nat::test
