// The first things a gateway must do at all.
#include <gtest/gtest.h>

#include "tests/support/checksums.h"
#include "tests/support/packet_builder.h"
#include "tests/support/test_gateway.h"

namespace nat::test {
namespace {

constexpr auto kIn1 = "10.0.0.1:4321";
constexpr auto kOut1 = "192.0.2.31:7000";
constexpr auto kExternal = "203.0.113.11:4321";

TEST(EngineSmoke, UdpLeavesAndTheAnswerComesBack) {
  TestGateway gateway;
  const Outcome out = gateway.from_inside(udp(kIn1, kOut1).payload("question"));
  ASSERT_EQ(out.reason, Reason::translated);
  EXPECT_EQ(out.out, Realm::external);
  EXPECT_EQ(out.packet, udp(kExternal, kOut1).payload("question").build());

  const Outcome in = gateway.from_outside(udp(kOut1, kExternal).payload("answer"));
  ASSERT_EQ(in.reason, Reason::translated);
  EXPECT_EQ(in.out, Realm::internal);
  EXPECT_EQ(in.packet, udp(kOut1, kIn1).payload("answer").build());
}

TEST(EngineSmoke, TcpHandshake) {
  TestGateway gateway;
  EXPECT_EQ(gateway.from_inside(tcp(kIn1, kOut1, kSyn)).packet, tcp(kExternal, kOut1, kSyn).build());
  EXPECT_EQ(gateway.from_outside(tcp(kOut1, kExternal, kSyn | kAck)).packet,
            tcp(kOut1, kIn1, kSyn | kAck).build());
  EXPECT_EQ(gateway.from_inside(tcp(kIn1, kOut1, kAck)).packet, tcp(kExternal, kOut1, kAck).build());
  ASSERT_EQ(gateway.sessions().size(), 1U);
  EXPECT_EQ(gateway.sessions()[0].state, SessionState::established);
}

// Two hosts with the same identifier.
// Rows: I1 I10a3
TEST(EngineSmoke, PingsOfTwoHostsDoNotMix) {
  TestGateway gateway;
  const Outcome first = gateway.from_inside(echo("10.0.0.1", "192.0.2.31", 7007).payload("a"));
  const Outcome second = gateway.from_inside(echo("10.0.0.2", "192.0.2.31", 7007).payload("b"));
  ASSERT_TRUE(first.forwarded());
  ASSERT_TRUE(second.forwarded());
  const auto id1 = identifier_of(first.packet);
  const auto id2 = identifier_of(second.packet);
  EXPECT_EQ(id1, 7007);
  EXPECT_NE(id1, id2);
  EXPECT_TRUE(checksums_valid(second.packet));
  EXPECT_EQ(gateway.from_outside(echo_reply("192.0.2.31", "203.0.113.11", id1).payload("a")).packet,
            echo_reply("192.0.2.31", "10.0.0.1", 7007).payload("a").build());
  EXPECT_EQ(gateway.from_outside(echo_reply("192.0.2.31", "203.0.113.11", id2).payload("b")).packet,
            echo_reply("192.0.2.31", "10.0.0.2", 7007).payload("b").build());
}

TEST(EngineSmoke, HairpinShowsTheExternalSource) {
  TestGateway gateway;
  gateway.from_inside(udp("10.0.0.2:5000", kOut1));
  const Outcome there = gateway.from_inside(udp(kIn1, "203.0.113.11:5000").payload("hello"));
  ASSERT_EQ(there.reason, Reason::hairpinned);
  EXPECT_EQ(there.out, Realm::internal);
  EXPECT_EQ(there.hairpin_source, address("10.0.0.1"));
  EXPECT_EQ(there.packet, udp(kExternal, "10.0.0.2:5000").payload("hello").build());
  const Outcome back = gateway.from_inside(udp("10.0.0.2:5000", kExternal).payload("you"));
  ASSERT_EQ(back.reason, Reason::hairpinned);
  EXPECT_EQ(back.packet, udp("203.0.113.11:5000", kIn1).payload("you").build());
}

TEST(EngineSmoke, IcmpErrorFindsItsWay) {
  TestGateway gateway;
  const Outcome out = gateway.from_inside(udp(kIn1, kOut1).payload("anybody there?"));
  const Outcome error = gateway.from_outside(icmp_error("192.0.2.31", "203.0.113.11", 3, 3, out.packet));
  ASSERT_EQ(error.reason, Reason::translated);
  EXPECT_EQ(error.packet,
            icmp_error("192.0.2.31", "10.0.0.1", 3, 3, udp(kIn1, kOut1).payload("anybody there?")).build());
}

TEST(EngineSmoke, SeveralMappingsOfAHostExpireTogether) {
  TestGateway gateway;
  for (std::uint16_t port = 1; port <= 50; ++port) {
    gateway.from_inside(udp({address("10.0.0.1"), static_cast<std::uint16_t>(4000 + port)}, endpoint(kOut1)));
  }
  EXPECT_EQ(gateway.mappings().size(), 50U);
  gateway.pass(seconds(302));
  EXPECT_EQ(gateway.mappings().size(), 0U);
  EXPECT_EQ(gateway.engine.gauges().hosts, 0U);
}

}  // namespace
}  // namespace nat::test
