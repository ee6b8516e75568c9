// Limits are for state, not for packets: where a mapping does for a packet by itself, it passes though there
// is no room for a session.
#include <algorithm>

#include <gtest/gtest.h>

#include "tests/support/checksums.h"
#include "tests/support/packet_builder.h"
#include "tests/support/test_gateway.h"

namespace nat::test {
namespace {

constexpr auto kIn1 = "10.0.0.1:4321";
constexpr auto kOut1 = "192.0.2.31:7000";
constexpr auto kOut2 = "192.0.2.32:7000";
constexpr auto kExternal = "203.0.113.11:4321";

// Every remote may send to a mapping, and one session is all that a mapping may have.
Policy one_session() {
  Policy policy = plain_policy();
  for (const Protocol protocol : kProtocols) policy.of(protocol).filtering = Behavior::endpoint_independent;
  policy.limits.sessions_per_mapping = 1;
  return policy;
}

std::uint64_t passed(const TestGateway& gateway) { return gateway.engine.counters().passed_without_session; }

// A peer of a distributed hash table asks very many others from one port.
TEST(EngineWithoutSession, AHundredThousandRemotesAreAnsweredOnOnePort) {
  constexpr std::uint32_t kRemotes = 100000;
  Policy policy = plain_policy();
  policy.udp.filtering = Behavior::endpoint_independent;
  TestGateway gateway(policy);
  const std::uint32_t most = policy.limits.sessions_per_mapping;
  for (std::uint32_t number = 0; number < kRemotes; ++number) {
    const Endpoint remote{Address(Address(100, 0, 0, 0).value() + number), 6881};
    const Outcome asked = gateway.from_inside(udp(endpoint(kIn1), remote));
    ASSERT_EQ(asked.reason, Reason::translated) << number;
    ASSERT_EQ(source_of(asked.packet), endpoint(kExternal));
    const Outcome answered = gateway.from_outside(udp(remote, endpoint(kExternal)));
    ASSERT_EQ(answered.reason, Reason::translated) << number;
    ASSERT_EQ(destination_of(answered.packet), endpoint(kIn1));
  }
  EXPECT_EQ(gateway.engine.gauges().sessions, most);
  EXPECT_EQ(gateway.mappings().size(), 1U);
  EXPECT_EQ(passed(gateway), 2 * (kRemotes - most));
  EXPECT_LE(gateway.engine.gauges().records, 2 + 2 * most);
}

TEST(EngineWithoutSession, ThePacketIsRewrittenLikeAnyOther) {
  TestGateway gateway(one_session());
  gateway.from_inside(udp(kIn1, kOut1));
  const Outcome out = gateway.from_inside(udp(kIn1, kOut2).payload("hello"));
  EXPECT_TRUE(checksums_valid(out.packet));
  EXPECT_EQ(out.out, Realm::external);
  EXPECT_EQ(destination_of(out.packet), endpoint(kOut2));
  const Outcome in = gateway.from_outside(udp(kOut2, kExternal).payload("hello"));
  EXPECT_TRUE(checksums_valid(in.packet));
  EXPECT_EQ(in.out, Realm::internal);
  EXPECT_EQ(source_of(in.packet), endpoint(kOut2));
}

TEST(EngineWithoutSession, WhatTheFilterMustRememberIsRefused) {
  Policy policy = one_session();
  policy.udp.filtering = Behavior::address_dependent;
  TestGateway gateway(policy);
  gateway.from_inside(udp(kIn1, kOut1));
  EXPECT_EQ(gateway.from_inside(udp(kIn1, kOut2)).reason, Reason::mapping_session_limit);
  EXPECT_EQ(gateway.from_outside(udp("192.0.2.31:9", kExternal)).reason, Reason::mapping_session_limit);
  EXPECT_EQ(passed(gateway), 0U);
}

TEST(EngineWithoutSession, ATcpConnectionNeedsItsSession) {
  TestGateway gateway(one_session());
  gateway.from_inside(tcp(kIn1, kOut1, kSyn));
  EXPECT_EQ(gateway.from_inside(tcp(kIn1, kOut2, kSyn)).reason, Reason::mapping_session_limit);
  EXPECT_EQ(gateway.from_outside(tcp(kOut2, kExternal, kSyn)).reason, Reason::mapping_session_limit);
}

TEST(EngineWithoutSession, AMappingForOneRemoteNeedsItsSession) {
  Policy policy = one_session();
  policy.udp.mapping = Behavior::address_dependent;
  TestGateway gateway(policy);
  gateway.from_inside(udp(kIn1, kOut1));
  EXPECT_EQ(gateway.from_inside(udp(kIn1, "192.0.2.31:9")).reason, Reason::mapping_session_limit);
}

TEST(EngineWithoutSession, WithoutAMappingThereIsNothingToPassBy) {
  Policy policy = one_session();
  policy.limits.sessions_per_host = 1;
  TestGateway gateway(policy);
  gateway.from_inside(udp(kIn1, kOut1));
  EXPECT_EQ(gateway.from_inside(udp("10.0.0.1:5", kOut1)).reason, Reason::host_session_limit);
  EXPECT_EQ(gateway.mappings().size(), 1U);
}

TEST(EngineWithoutSession, TheHostsLimitAndTheTablesAreNoOthers) {
  for (const bool of_host : {true, false}) {
    Policy policy = one_session();
    policy.limits.sessions_per_mapping = 10;
    (of_host ? policy.limits.sessions_per_host : policy.limits.sessions) = 1;
    TestGateway gateway(policy);
    gateway.from_inside(udp(kIn1, kOut1));
    EXPECT_TRUE(gateway.from_inside(udp(kIn1, kOut2)).forwarded());
    EXPECT_TRUE(gateway.from_outside(udp(kOut2, kExternal)).forwarded());
    EXPECT_EQ(gateway.engine.gauges().sessions, 1U);
  }
}

TEST(EngineWithoutSession, EchoesPassToo) {
  TestGateway gateway(one_session());
  gateway.from_inside(echo("10.0.0.1", "192.0.2.31", 4321));
  EXPECT_TRUE(gateway.from_inside(echo("10.0.0.1", "192.0.2.32", 4321)).forwarded());
  EXPECT_TRUE(gateway.from_outside(echo_reply("192.0.2.32", "203.0.113.11", 4321)).forwarded());
  EXPECT_EQ(passed(gateway), 2U);
}

// RFC 4787 REQ-6 is about the traffic of sessions.
TEST(EngineWithoutSession, WhatPassesRefreshesNothing) {
  TestGateway gateway(one_session());
  gateway.from_inside(udp(kIn1, kOut1));
  gateway.pass(seconds(200));
  ASSERT_TRUE(gateway.from_inside(udp(kIn1, kOut2)).forwarded());
  ASSERT_TRUE(gateway.from_outside(udp(kOut2, kExternal)).forwarded());
  gateway.pass(seconds(101));
  EXPECT_EQ(gateway.from_outside(udp(kOut2, kExternal)).reason, Reason::no_mapping);
  // And as soon as there is room, there is a session.
  EXPECT_TRUE(gateway.from_inside(udp(kIn1, kOut2)).forwarded());
  EXPECT_EQ(gateway.sessions()[0].remote, endpoint(kOut2));
}

TEST(EngineWithoutSession, AForwardTakesEveryRemote) {
  Policy policy = plain_policy();
  policy.limits.sessions_per_mapping = 2;
  TestGateway gateway(policy);
  ASSERT_TRUE(
      gateway.set_forwards({{Protocol::udp, {Address(), 5060}, endpoint("10.0.0.5:5060"), "sip"}}).empty());
  for (std::uint16_t port = 1; port <= 50; ++port) {
    const Endpoint remote{address("198.51.100.1"), port};
    ASSERT_TRUE(gateway.from_outside(udp(remote, endpoint("203.0.113.11:5060"))).forwarded());
    ASSERT_TRUE(gateway.from_inside(udp(endpoint("10.0.0.5:5060"), remote)).forwarded());
  }
  EXPECT_LE(gateway.engine.gauges().sessions, 2U);
}

TEST(EngineWithoutSession, EitherHalfOfAHairpinnedPacketMayPassSo) {
  Policy policy = one_session();
  policy.limits.sessions_per_host = 1;
  TestGateway gateway(policy);
  gateway.from_inside(udp(kIn1, kOut1));
  const Endpoint other = source_of(gateway.from_inside(udp("10.0.0.2:5", kOut1)).packet);
  const Outcome outcome = gateway.from_inside(udp(endpoint(kIn1), other));
  EXPECT_EQ(outcome.reason, Reason::hairpinned);
  EXPECT_EQ(source_of(outcome.packet), endpoint(kExternal));
  EXPECT_EQ(destination_of(outcome.packet), endpoint("10.0.0.2:5"));
  EXPECT_EQ(passed(gateway), 1U);
  EXPECT_EQ(gateway.engine.gauges().sessions, 2U);
}

TEST(EngineWithoutSession, TraceSaysSo) {
  TestGateway gateway(one_session());
  gateway.from_inside(udp(kIn1, kOut1));
  const auto says_so = [&](Realm in, const char* source, const char* destination) {
    const Explanation told = gateway.engine.explain({.protocol = Protocol::udp,
                                                     .in = in,
                                                     .source = endpoint(source),
                                                     .destination = endpoint(destination)},
                                                    gateway.now());
    EXPECT_EQ(told.reason, Reason::translated);
    return std::any_of(told.steps.begin(), told.steps.end(),
                       [](const Step& step) { return step.name == "room" && step.outcome == "none"; });
  };
  EXPECT_TRUE(says_so(Realm::internal, kIn1, kOut2));
  EXPECT_TRUE(says_so(Realm::external, kOut2, kExternal));
  EXPECT_FALSE(says_so(Realm::internal, kIn1, kOut1));
  EXPECT_FALSE(says_so(Realm::external, kOut1, kExternal));
}

}  // namespace
}  // namespace nat::test
