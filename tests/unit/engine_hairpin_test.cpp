// Hairpinning: U9 (RFC 4787 REQ-9), T8 (RFC 5382 REQ-8), D-12.
#include <gtest/gtest.h>

#include "tests/support/packet_builder.h"
#include "tests/support/test_gateway.h"

namespace nat::test {
namespace {

constexpr auto kIn1 = "10.0.0.1:4321";
constexpr auto kIn2 = "10.0.0.2:5000";
constexpr auto kOut1 = "192.0.2.31:7000";
constexpr auto kExternal1 = "203.0.113.11:4321";
constexpr auto kExternal2 = "203.0.113.11:5000";

// The sender's mapping is made when it is not there yet.
// Rows: U9 U9a F5.6
TEST(EngineHairpin, MakesTheSendersMapping) {
  TestGateway gateway;
  gateway.from_inside(udp(kIn2, kOut1));
  const Outcome there = gateway.from_inside(udp(kIn1, kExternal2));
  ASSERT_EQ(there.reason, Reason::hairpinned);
  EXPECT_EQ(source_of(there.packet), endpoint(kExternal1));
  EXPECT_EQ(gateway.mappings().size(), 2U);
  EXPECT_EQ(gateway.sessions().size(), 3U);  // in2 with out1, and one for each half of the way
}

// A whole TCP connection.
// Rows: T8
TEST(EngineHairpin, Tcp) {
  Policy policy = plain_policy();
  policy.tcp.filtering = Behavior::address_and_port_dependent;
  TestGateway gateway(policy);
  gateway.from_inside(tcp(kIn2, kOut1, kSyn));
  const Outcome syn = gateway.from_inside(tcp(kIn1, kExternal2, kSyn));
  ASSERT_EQ(syn.reason, Reason::hairpinned);
  EXPECT_EQ(syn.packet, tcp(kExternal1, kIn2, kSyn).build());
  EXPECT_EQ(gateway.from_inside(tcp(kIn2, kExternal1, kSyn | kAck)).packet,
            tcp(kExternal2, kIn1, kSyn | kAck).build());
  EXPECT_EQ(gateway.from_inside(tcp(kIn1, kExternal2, kAck).payload("data")).packet,
            tcp(kExternal1, kIn2, kAck).payload("data").build());
  for (const SessionView& session : gateway.sessions()) {
    if (session.remote == endpoint(kOut1)) continue;
    EXPECT_EQ(session.state, SessionState::established);
  }
}

TEST(EngineHairpin, ToNobody) {
  TestGateway gateway;
  EXPECT_EQ(gateway.from_inside(udp(kIn1, kExternal2)).reason, Reason::no_mapping);
  EXPECT_EQ(gateway.from_inside(tcp(kIn1, kExternal2, kSyn)).reason, Reason::unsolicited_syn);
  EXPECT_EQ(gateway.from_inside(tcp(kIn1, kExternal2, kAck)).reason, Reason::tcp_no_session);
  EXPECT_TRUE(gateway.mappings().empty());
}

TEST(EngineHairpin, SwitchedOff) {
  TestGateway gateway;
  gateway.from_inside(udp(kIn2, kOut1));
  gateway.from_inside(udp(kIn1, kExternal2));
  gateway.change([](Policy& policy) { policy.hairpin = false; });
  // What is open stays open, in both directions.
  EXPECT_EQ(gateway.from_inside(udp(kIn1, kExternal2)).reason, Reason::hairpinned);
  EXPECT_EQ(gateway.from_inside(udp(kIn2, kExternal1)).reason, Reason::hairpinned);
  EXPECT_EQ(gateway.from_inside(udp("10.0.0.3:6000", kExternal2)).reason, Reason::hairpin_off);
  EXPECT_EQ(gateway.mappings().size(), 2U);
}

// D-12: with the filter on, only what was punched from both sides passes (K4b).
TEST(EngineHairpin, Filtered) {
  Policy policy = plain_policy();
  policy.hairpin_filter = true;
  policy.udp.filtering = Behavior::address_and_port_dependent;
  TestGateway gateway(policy);
  gateway.from_inside(udp(kIn2, kOut1));
  EXPECT_EQ(gateway.from_inside(udp(kIn1, kExternal2)).reason, Reason::filtered_by_port);
  // The attempt has opened the way back, as towards any remote.
  EXPECT_EQ(gateway.from_inside(udp(kIn2, kExternal1)).reason, Reason::hairpinned);
  EXPECT_EQ(gateway.from_inside(udp(kIn1, kExternal2)).reason, Reason::hairpinned);
}

TEST(EngineHairpin, AHostTalksToItself) {
  TestGateway gateway;
  gateway.from_inside(udp(kIn1, kOut1));
  const Outcome outcome = gateway.from_inside(udp(kIn1, kExternal1).payload("echo"));
  ASSERT_EQ(outcome.reason, Reason::hairpinned);
  EXPECT_EQ(outcome.packet, udp(kExternal1, kIn1).payload("echo").build());
}

// Between two external addresses of the pool.
TEST(EngineHairpin, AcrossThePool) {
  Policy policy = plain_policy();
  policy.external_addresses = {address("203.0.113.11"), address("203.0.113.12")};
  TestGateway gateway(policy);
  for (std::uint8_t host = 1; host <= 8; ++host) {
    const Endpoint server{Address(10, 0, 1, host), 5000};
    const Endpoint external = source_of(gateway.from_inside(udp(server, endpoint(kOut1))).packet);
    const Outcome there = gateway.from_inside(udp(endpoint(kIn1), external));
    ASSERT_EQ(there.reason, Reason::hairpinned);
    EXPECT_EQ(destination_of(there.packet), server);
    const Outcome back = gateway.from_inside(udp(server, source_of(there.packet)));
    EXPECT_EQ(destination_of(back.packet), endpoint(kIn1));
    EXPECT_EQ(source_of(back.packet), external);
  }
}

// The receiver's mapping is not kept alive by those who only send to it.
TEST(EngineHairpin, DoesNotKeepTheReceiversMapping) {
  TestGateway gateway;
  gateway.from_inside(udp(kIn2, kOut1));
  for (int i = 0; i < 6; ++i) {
    gateway.pass(seconds(60));
    gateway.from_inside(udp(kIn1, kExternal2));
  }
  EXPECT_EQ(gateway.from_inside(udp(kIn1, kExternal2)).reason, Reason::no_mapping);
}

}  // namespace
}  // namespace nat::test
