// Packets from inside whose source is in no internal network are dropped, and take nothing from the others.
#include <gtest/gtest.h>

#include "tests/support/fragments.h"
#include "tests/support/packet_builder.h"
#include "tests/support/test_gateway.h"

namespace nat::test {
namespace {

constexpr auto kIn1 = "10.0.0.1:4321";
constexpr auto kForged = "10.0.1.1:4321";
constexpr auto kOut1 = "192.0.2.31:7000";
constexpr auto kExternal = "203.0.113.11:4321";

Policy with_networks() {
  Policy policy = plain_policy();
  policy.internal_networks = {*Prefix::parse("10.0.0.0/24"), *Prefix::parse("192.168.7.0/24")};
  return policy;
}

TEST(EngineAdmission, ForgedSourcesUseUpNoLimit) {
  Policy policy = with_networks();
  policy.limits.hosts = 2;
  TestGateway gateway(policy);
  for (std::uint32_t number = 0; number < 300; ++number) {
    const Endpoint forged{Address(Address(172, 16, 0, 0).value() + number), 4321};
    const Outcome outcome = gateway.from_inside(udp(forged, endpoint(kOut1)));
    ASSERT_EQ(outcome.reason, Reason::foreign_source);
    ASSERT_TRUE(outcome.reply.empty());
  }
  EXPECT_EQ(gateway.count(Reason::foreign_source), 300U);
  EXPECT_EQ(gateway.engine.gauges().hosts, 0U);
  EXPECT_TRUE(gateway.from_inside(udp(kIn1, kOut1)).forwarded());
  EXPECT_TRUE(gateway.from_inside(udp("192.168.7.9:1", kOut1)).forwarded());
}

TEST(EngineAdmission, WithoutNetworksEverySourceIsInternal) {
  TestGateway gateway;
  EXPECT_TRUE(gateway.from_inside(udp("172.16.0.1:4321", kOut1)).forwarded());
}

TEST(EngineAdmission, WhateverTheForgedPacketIsItIsDropped) {
  Policy policy = with_networks();
  policy.exempt = {{*Prefix::parse("192.0.2.99"), {0, 65535}}};
  TestGateway gateway(policy);
  gateway.from_inside(udp(kIn1, kOut1));
  const Octets received = gateway.from_outside(udp(kOut1, kExternal)).packet;
  for (const Octets& packet :
       {tcp(kForged, kOut1, kSyn).build(), tcp(kForged, kOut1, kAck).build(),
        echo("10.0.1.1", "192.0.2.31", 7).build(), udp(kForged, kExternal).build(),
        udp(kForged, "192.0.2.99:1").build(), icmp_error("10.0.1.1", "192.0.2.31", 3, 3, received).build(),
        other_protocol(address("10.0.1.1"), address("192.0.2.31"), 47).build()}) {
    EXPECT_EQ(gateway.from_inside(packet).reason, Reason::foreign_source);
  }
  for (const Octets& piece :
       cut(udp(kForged, kOut1).payload(Octets(4000)).identification(7).may_fragment(), 1480)) {
    EXPECT_EQ(gateway.from_inside(piece).reason, Reason::foreign_source);
  }
  EXPECT_EQ(gateway.engine.gauges().datagrams, 0U);
}

TEST(EngineAdmission, TheExternalSideAndTheGatewayAreNotJudged) {
  TestGateway gateway(with_networks());
  gateway.from_inside(udp(kIn1, kOut1));
  EXPECT_TRUE(gateway.from_outside(udp(kOut1, kExternal)).forwarded());
  EXPECT_NE(gateway.from_gateway(echo("203.0.113.11", "192.0.2.31", 9)).reason, Reason::foreign_source);
}

TEST(EngineAdmission, OtherNetworksHoldAtOnce) {
  TestGateway gateway(with_networks());
  ASSERT_TRUE(gateway.from_inside(udp(kIn1, kOut1)).forwarded());
  gateway.change([](Policy& policy) { policy.internal_networks = {*Prefix::parse("10.0.1.0/24")}; });
  EXPECT_EQ(gateway.from_inside(udp(kIn1, kOut1)).reason, Reason::foreign_source);
  EXPECT_TRUE(gateway.from_inside(udp(kForged, kOut1)).forwarded());
  gateway.change([](Policy& policy) { policy.internal_networks = with_networks().internal_networks; });
  EXPECT_TRUE(gateway.from_inside(udp(kIn1, kOut1)).forwarded());
}

TEST(EngineAdmission, AnAddressOfTheGatewayIsAForgeryOfAnotherKind) {
  TestGateway gateway(with_networks());
  EXPECT_EQ(gateway.from_inside(udp("203.0.113.11:1", kOut1)).reason, Reason::spoofed_source);
  EXPECT_EQ(gateway.from_inside(udp("0.0.0.0:68", "192.0.2.31:67")).reason, Reason::invalid_source);
}

}  // namespace
}  // namespace nat::test
