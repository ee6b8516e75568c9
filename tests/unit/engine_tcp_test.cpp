// TCP through the engine: the T rows (RFC 5382) and the timers of RFC 7857.
#include <gtest/gtest.h>

#include "tests/support/packet_builder.h"
#include "tests/support/test_gateway.h"

namespace nat::test {
namespace {

constexpr auto kIn1 = "10.0.0.1:4321";
constexpr auto kOut1 = "192.0.2.31:80";
constexpr auto kOut2 = "192.0.2.32:80";
constexpr auto kExternal = "203.0.113.11:4321";

void shake_hands(TestGateway& gateway) {
  ASSERT_TRUE(gateway.from_inside(tcp(kIn1, kOut1, kSyn)).forwarded());
  ASSERT_TRUE(gateway.from_outside(tcp(kOut1, kExternal, kSyn | kAck)).forwarded());
  ASSERT_TRUE(gateway.from_inside(tcp(kIn1, kOut1, kAck)).forwarded());
}

// The session lives for `lifetime` of silence, and no longer.
void expect_lifetime(TestGateway& gateway, seconds lifetime) {
  gateway.pass(lifetime - seconds(1));
  EXPECT_EQ(gateway.mappings().size(), 1U);
  gateway.pass(seconds(2));
  EXPECT_TRUE(gateway.mappings().empty());
}

// Opening.
// Rows: T5 X2
TEST(EngineTcp, HalfOpenLivesFourMinutes) {
  TestGateway gateway;
  gateway.from_inside(tcp(kIn1, kOut1, kSyn));
  expect_lifetime(gateway, seconds(240));
}

// Established.
// Rows: T5
TEST(EngineTcp, EstablishedLivesTwoHoursAndFourMinutes) {
  TestGateway gateway;
  shake_hands(gateway);
  expect_lifetime(gateway, seconds(7440));
}

// Both sides have said goodbye.
// Rows: T5 X2
TEST(EngineTcp, ClosingLivesFourMinutes) {
  TestGateway gateway;
  shake_hands(gateway);
  gateway.from_inside(tcp(kIn1, kOut1, kFin | kAck));
  gateway.from_outside(tcp(kOut1, kExternal, kFin | kAck));
  gateway.pass(seconds(200));
  // T12: the last acknowledgement may be repeated, and prolongs nothing.
  EXPECT_TRUE(gateway.from_inside(tcp(kIn1, kOut1, kAck)).forwarded());
  expect_lifetime(gateway, seconds(40));
}

// Half-closed connections go on.
// Rows: T2 X1-fin
TEST(EngineTcp, HalfClosedStaysEstablished) {
  TestGateway gateway;
  shake_hands(gateway);
  gateway.from_inside(tcp(kIn1, kOut1, kFin | kAck));
  gateway.pass(seconds(3600));
  EXPECT_TRUE(gateway.from_outside(tcp(kOut1, kExternal, kAck).payload("still here")).forwarded());
  expect_lifetime(gateway, seconds(7440));
}

// A reset keeps the session four minutes, and data brings it back.
// Rows: X2r X1-trans
TEST(EngineTcp, AfterAReset) {
  TestGateway gateway;
  shake_hands(gateway);
  EXPECT_TRUE(gateway.from_outside(tcp(kOut1, kExternal, kRst)).forwarded());
  expect_lifetime(gateway, seconds(240));

  TestGateway revived;
  shake_hands(revived);
  revived.from_outside(tcp(kOut1, kExternal, kRst));
  revived.pass(seconds(239));
  EXPECT_TRUE(revived.from_inside(tcp(kIn1, kOut1, kAck)).forwarded());
  expect_lifetime(revived, seconds(7440));
}

// A reset that cannot belong to the session is forwarded, and natd does not believe it.
// Rows: T13 NO3 X2r
TEST(EngineTcp, AForgedResetChangesNothing) {
  TestGateway gateway;
  shake_hands(gateway);
  EXPECT_TRUE(gateway.from_outside(tcp(kOut1, kExternal, kRst).sequence(0x70000000)).forwarded());
  expect_lifetime(gateway, seconds(7440));
}

// Silence for unsolicited SYNs, mapped port or not.
// Rows: T4a NO2
TEST(EngineTcp, UnsolicitedSynsMeetSilence) {
  TestGateway gateway;
  Outcome outcome = gateway.from_outside(tcp(kOut1, "203.0.113.11:80", kSyn));
  EXPECT_EQ(outcome.reason, Reason::unsolicited_syn);
  EXPECT_TRUE(outcome.reply.empty());
  gateway.from_inside(tcp(kIn1, kOut1, kSyn));
  outcome = gateway.from_outside(tcp(kOut2, kExternal, kSyn));
  EXPECT_EQ(outcome.reason, Reason::filtered_by_address);
  EXPECT_TRUE(outcome.reply.empty());
}

// Segments that belong to nothing.
// Rows: T11 X1-closed
TEST(EngineTcp, StraySegments) {
  TestGateway gateway;
  for (const std::uint8_t flags :
       {kAck, kRst, kFin, static_cast<std::uint8_t>(kSyn | kAck), std::uint8_t{0}}) {
    EXPECT_EQ(gateway.from_outside(tcp(kOut1, kExternal, flags)).reason, Reason::tcp_no_session);
    EXPECT_EQ(gateway.from_inside(tcp(kIn1, kOut1, flags)).reason, Reason::tcp_no_session);
  }
  gateway.from_inside(tcp(kIn1, kOut1, kSyn));
  EXPECT_EQ(gateway.from_outside(tcp("192.0.2.31:81", kExternal, kAck)).reason, Reason::tcp_no_session);
  EXPECT_EQ(gateway.mappings().size(), 1U);
}

// Simultaneous open, every packet passes.
// Rows: T2a
TEST(EngineTcp, SimultaneousOpen) {
  TestGateway gateway;
  EXPECT_TRUE(gateway.from_inside(tcp(kIn1, kOut1, kSyn)).forwarded());
  EXPECT_TRUE(gateway.from_outside(tcp(kOut1, kExternal, kSyn)).forwarded());
  EXPECT_TRUE(gateway.from_inside(tcp(kIn1, kOut1, kSyn | kAck)).forwarded());
  EXPECT_TRUE(gateway.from_outside(tcp(kOut1, kExternal, kSyn | kAck)).forwarded());
  EXPECT_TRUE(gateway.from_inside(tcp(kIn1, kOut1, kAck)).forwarded());
  EXPECT_TRUE(gateway.from_outside(tcp(kOut1, kExternal, kAck).payload("data")).forwarded());
  EXPECT_EQ(gateway.sessions()[0].state, SessionState::established);
}

// L7: the peer's gateway answers the first SYN with a reset; the next try still finds the session.
TEST(EngineTcp, ARefusedFirstTryDoesNotHurt) {
  TestGateway gateway;
  gateway.from_inside(tcp(kIn1, kOut1, kSyn));
  EXPECT_TRUE(gateway.from_outside(tcp(kOut1, kExternal, kRst | kAck)).forwarded());
  gateway.pass(seconds(1));
  EXPECT_TRUE(gateway.from_outside(tcp(kOut1, kExternal, kSyn)).forwarded());
  EXPECT_TRUE(gateway.from_inside(tcp(kIn1, kOut1, kSyn)).forwarded());
  EXPECT_EQ(gateway.sessions()[0].state, SessionState::established);
}

// Behaviours as for UDP, and chosen apart from it.
// Rows: T1 T3 T3b F5.4
TEST(EngineTcp, Behaviours) {
  Policy policy = plain_policy();
  policy.udp.filtering = Behavior::address_and_port_dependent;
  policy.tcp.filtering = Behavior::endpoint_independent;
  TestGateway gateway(policy);
  EXPECT_EQ(source_of(gateway.from_inside(tcp(kIn1, kOut1, kSyn)).packet),
            source_of(gateway.from_inside(tcp(kIn1, kOut2, kSyn)).packet));
  EXPECT_TRUE(gateway.from_outside(tcp("192.0.2.33:9", kExternal, kSyn)).forwarded());
  gateway.from_inside(udp(kIn1, kOut1));
  EXPECT_EQ(gateway.from_outside(udp("192.0.2.31:81", kExternal)).reason, Reason::filtered_by_port);
}

// While its former session is dormant, the remote may connect again.
// Rows: T3
TEST(EngineTcp, ARememberedRemoteMayConnect) {
  Policy policy = plain_policy();
  policy.tcp.filtering = Behavior::address_and_port_dependent;
  TestGateway gateway(policy);
  shake_hands(gateway);
  gateway.from_inside(tcp(kIn1, kOut2, kSyn));  // opens, and runs out after four minutes
  gateway.pass(seconds(300));
  EXPECT_EQ(gateway.engine.gauges().dormant, 1U);
  EXPECT_EQ(gateway.from_outside(tcp(kOut2, kExternal, kAck)).reason, Reason::tcp_no_session);
  EXPECT_TRUE(gateway.from_outside(tcp(kOut2, kExternal, kSyn)).forwarded());
  EXPECT_EQ(gateway.from_outside(tcp("192.0.2.32:81", kExternal, kSyn)).reason, Reason::filtered_by_port);
}

// The host refuses every unknown remote with a reset; the mapping dies on time.
// Rows: X7.1
TEST(EngineTcp, ResetsKeepNothingAlive) {
  Policy policy = plain_policy();
  policy.tcp.filtering = Behavior::endpoint_independent;
  TestGateway gateway(policy);
  gateway.from_inside(tcp(kIn1, kOut1, kSyn));
  for (int i = 0; i < 5; ++i) {
    gateway.pass(seconds(60));
    gateway.from_outside(tcp(kOut2, kExternal, kSyn));
    gateway.from_inside(tcp(kIn1, kOut2, kRst | kAck));
  }
  EXPECT_TRUE(gateway.mappings().empty());
  // A host that accepts keeps it.
  TestGateway accepting(policy);
  accepting.from_inside(tcp(kIn1, kOut1, kSyn));
  accepting.pass(seconds(60));
  accepting.from_outside(tcp(kOut2, kExternal, kSyn));
  accepting.from_inside(tcp(kIn1, kOut2, kSyn | kAck));
  accepting.from_outside(tcp(kOut2, kExternal, kAck));
  accepting.pass(seconds(3600));
  EXPECT_EQ(accepting.mappings().size(), 1U);
}

// T7, D-13: TCP ports have no quarantine.
// Rows: C8
TEST(EngineTcp, PortsAreFreeAtOnce) {
  TestGateway gateway;
  gateway.from_inside(tcp(kIn1, kOut1, kSyn));
  gateway.pass(seconds(242));
  EXPECT_EQ(source_of(gateway.from_inside(tcp("10.0.0.2:4321", kOut1, kSyn)).packet), endpoint(kExternal));
}

// A connection of the port's former owner must not be mistaken for the new one's.
TEST(EngineTcp, ThePortsNextOwnerGetsItsOwnPackets) {
  TestGateway gateway;
  gateway.from_inside(tcp(kIn1, kOut1, kSyn));
  gateway.from_inside(tcp(kIn1, kOut2, kSyn));
  gateway.advance(seconds(242));  // not swept: the old records are still there
  ASSERT_EQ(source_of(gateway.from_inside(tcp("10.0.0.2:4321", kOut1, kSyn)).packet).port,
            source_of(gateway.from_inside(tcp("10.0.0.2:4321", kOut2, kSyn)).packet).port);
  const Endpoint external = source_of(gateway.from_inside(tcp("10.0.0.2:4321", kOut1, kSyn)).packet);
  EXPECT_EQ(destination_of(gateway.from_outside(tcp(endpoint(kOut1), external, kSyn | kAck)).packet),
            endpoint("10.0.0.2:4321"));
}

// A shorter time-out takes effect with the next packet.
// Rows: T5a
TEST(EngineTcp, TimeoutsMayBeShortenedLive) {
  TestGateway gateway;
  shake_hands(gateway);
  gateway.change([](Policy& policy) { policy.timeouts.tcp_established = seconds(600); });
  gateway.from_inside(tcp(kIn1, kOut1, kAck));
  expect_lifetime(gateway, seconds(600));
  EXPECT_EQ(gateway.engine.gauges().mappings, 0U);
}

TEST(EngineTcp, SessionsTellTheirBytes) {
  TestGateway gateway;
  shake_hands(gateway);
  gateway.from_outside(tcp(kOut1, kExternal, kAck).payload(Octets(1000)));
  const auto sessions = gateway.sessions();
  ASSERT_EQ(sessions.size(), 1U);
  EXPECT_EQ(sessions[0].sent_bytes, 80U);
  EXPECT_EQ(sessions[0].received_bytes, 1080U);
  EXPECT_EQ(sessions[0].initiator, Realm::internal);
}

// Two hosts on one port to one server: two external ports, whatever else is free.
// Rows: T7 X3
TEST(EngineTcp, NoOverloading) {
  TestGateway gateway;
  const Endpoint first = source_of(gateway.from_inside(tcp(kIn1, kOut1, kSyn)).packet);
  const Endpoint second = source_of(gateway.from_inside(tcp("10.0.0.2:4321", kOut2, kSyn)).packet);
  EXPECT_EQ(first, endpoint(kExternal));
  EXPECT_NE(second, first);
  EXPECT_EQ(destination_of(gateway.from_outside(tcp(endpoint(kOut2), second, kSyn | kAck)).packet),
            endpoint("10.0.0.2:4321"));
  EXPECT_EQ(destination_of(gateway.from_outside(tcp(kOut1, kExternal, kSyn | kAck)).packet), endpoint(kIn1));
}

// Every error there is, while the connection opens and when it is open: it passes, and the connection lives
// as long as it would have lived.
// Rows: T10 U12 NO3
TEST(EngineTcp, ErrorsEndNothing) {
  for (const bool open : {false, true}) {
    TestGateway gateway;
    const Octets syn = gateway.from_inside(tcp(kIn1, kOut1, kSyn)).packet;
    if (open) {
      gateway.from_outside(tcp(kOut1, kExternal, kSyn | kAck));
      gateway.from_inside(tcp(kIn1, kOut1, kAck));
    }
    for (std::uint8_t code = 0; code < 16; ++code) {
      EXPECT_TRUE(gateway.from_outside(icmp_error("192.0.2.31", "203.0.113.11", 3, code, syn)).forwarded());
    }
    for (const std::uint8_t type : {std::uint8_t{11}, std::uint8_t{12}}) {
      EXPECT_TRUE(gateway.from_outside(icmp_error("192.0.2.1", "203.0.113.11", type, 0, syn)).forwarded());
    }
    EXPECT_EQ(gateway.sessions()[0].state, open ? SessionState::established : SessionState::internal_init);
    expect_lifetime(gateway, open ? seconds(7440) : seconds(240));
  }
}

// Data with the SYN, repeated segments, a keep-alive of one old octet, a window of zero and its probe, a FIN
// with data, and data after the other side's FIN: everything passes as it is.
// Rows: T2 NO7
TEST(EngineTcp, EveryLegalSegmentPasses) {
  TestGateway gateway;
  const auto out = [](std::uint8_t flags, std::uint32_t sequence) {
    return [=](const char* source) { return tcp(source, kOut1, flags).sequence(sequence).acknowledge(5001); };
  };
  const auto in = [](std::uint8_t flags, std::uint32_t sequence) {
    return [=](const char* target) { return tcp(kOut1, target, flags).sequence(sequence).acknowledge(1005); };
  };
  const auto leaves = [&](const auto& segment, const char* data = "", std::uint16_t window = 8192) {
    EXPECT_EQ(gateway.from_inside(segment(kIn1).payload(data).window(window)).packet,
              segment(kExternal).payload(data).window(window).build());
  };
  const auto arrives = [&](const auto& segment, const char* data = "", std::uint16_t window = 8192) {
    EXPECT_EQ(gateway.from_outside(segment(kExternal).payload(data).window(window)).packet,
              segment(kIn1).payload(data).window(window).build());
  };
  leaves(out(kSyn, 1000), "fast");
  leaves(out(kSyn, 1000), "fast");
  arrives(in(kSyn | kAck, 5000));
  arrives(in(kSyn | kAck, 5000));
  leaves(out(kAck, 1005));
  arrives(in(kAck | kPush, 5001), "hello");
  leaves(out(kAck, 1005), "", 0);
  arrives(in(kAck, 5006), "w");
  leaves(out(kAck, 1005), "", 0);
  leaves(out(kAck, 1004), "k");
  arrives(in(kAck, 5001), "hello");
  leaves(out(kFin | kAck | kPush, 1005), "bye");
  arrives(in(kAck, 5006), "more");
  leaves(out(kAck, 1009));
  leaves(out(kFin | kAck, 1008));
  arrives(in(kFin | kAck, 5010));
  arrives(in(kFin | kAck, 5010));
  leaves(out(kAck, 1009));
}

// The same from a connection that the outside begins.
// Rows: T2
TEST(EngineTcp, AConnectionFromOutsideClosesFromOutside) {
  Policy policy = plain_policy();
  policy.tcp.filtering = Behavior::endpoint_independent;
  TestGateway gateway(policy);
  gateway.from_inside(tcp(kIn1, kOut2, kSyn));
  EXPECT_TRUE(gateway.from_outside(tcp(kOut1, kExternal, kSyn)).forwarded());
  EXPECT_TRUE(gateway.from_inside(tcp(kIn1, kOut1, kSyn | kAck)).forwarded());
  EXPECT_TRUE(gateway.from_outside(tcp(kOut1, kExternal, kAck)).forwarded());
  EXPECT_TRUE(gateway.from_outside(tcp(kOut1, kExternal, kFin | kAck)).forwarded());
  EXPECT_TRUE(gateway.from_inside(tcp(kIn1, kOut1, kAck).payload("the rest")).forwarded());
  EXPECT_TRUE(gateway.from_inside(tcp(kIn1, kOut1, kFin | kAck)).forwarded());
  EXPECT_TRUE(gateway.from_outside(tcp(kOut1, kExternal, kAck)).forwarded());
}

// A port that is used again at once: the SYN finds the session of the connection before, and opens it anew.
// Rows: T2 X1-both-fin
TEST(EngineTcp, ASynOnAClosingSessionOpensItAgain) {
  TestGateway gateway;
  shake_hands(gateway);
  gateway.from_inside(tcp(kIn1, kOut1, kFin | kAck));
  gateway.from_outside(tcp(kOut1, kExternal, kFin | kAck));
  gateway.pass(seconds(100));
  shake_hands(gateway);
  EXPECT_EQ(gateway.sessions()[0].state, SessionState::established);
  expect_lifetime(gateway, seconds(7440));
}

// The host has said goodbye, the server has not, and the host connects again from the same port: the new
// connection is established in time, and lives on when the server of the old one would have ended it.
// Rows: T2 X1-fin
TEST(EngineTcp, AReconnectOnAHalfClosedSessionIsAConnection) {
  for (const std::uint32_t start : {0x10U, 0x60000000U}) {
    TestGateway gateway;
    shake_hands(gateway);
    gateway.from_inside(tcp(kIn1, kOut1, kFin | kAck));
    gateway.from_inside(tcp(kIn1, kOut1, kSyn).sequence(start));
    EXPECT_EQ(gateway.sessions()[0].state, SessionState::internal_fin);
    gateway.from_outside(tcp(kOut1, kExternal, kSyn | kAck).sequence(9000).acknowledge(start + 1));
    EXPECT_EQ(gateway.sessions()[0].state, SessionState::established);
    gateway.from_inside(tcp(kIn1, kOut1, kAck).sequence(start + 1).acknowledge(9001));
    gateway.from_outside(tcp(kOut1, kExternal, kFin | kAck).sequence(9001).acknowledge(start + 1));
    EXPECT_EQ(gateway.sessions()[0].state, SessionState::external_fin);
    gateway.pass(seconds(3600));
    EXPECT_TRUE(
        gateway.from_inside(tcp(kIn1, kOut1, kAck).sequence(start + 1).payload("upload")).forwarded());
    gateway.from_inside(tcp(kIn1, kOut1, kRst).sequence(start + 7));
    EXPECT_EQ(gateway.sessions()[0].state, SessionState::reset);
  }
}

// A SYN with the endpoints of an open connection costs it nothing.
// Rows: NO3
TEST(EngineTcp, AForgedSynChangesNothing) {
  TestGateway gateway;
  shake_hands(gateway);
  EXPECT_TRUE(gateway.from_outside(tcp(kOut1, kExternal, kSyn).sequence(0x70000000)).forwarded());
  EXPECT_TRUE(gateway.from_inside(tcp(kIn1, kOut1, kAck)).forwarded());  // a challenge
  EXPECT_TRUE(gateway.from_outside(tcp(kOut1, kExternal, kRst).sequence(0x70000001)).forwarded());
  EXPECT_EQ(gateway.sessions()[0].state, SessionState::established);
  expect_lifetime(gateway, seconds(7440));
}

}  // namespace
}  // namespace nat::test
