// RFC 6888 REQ-6: to the remotes that the operator names, packets go as they are.
#include <gtest/gtest.h>

#include "tests/support/fragments.h"
#include "tests/support/packet_builder.h"
#include "tests/support/test_gateway.h"

namespace nat::test {
namespace {

constexpr auto kIn1 = "10.0.0.1:4321";
constexpr auto kOut1 = "192.0.2.31:7000";
constexpr auto kOut2 = "192.0.2.32:7000";

Policy exempting(const char* remote, PortRange ports = {0, 65535}) {
  Policy policy = plain_policy();
  policy.exempt = {{*Prefix::parse(remote), ports}};
  return policy;
}

// Rows: C6
TEST(EngineExempt, PacketsToAnExemptRemoteGoAsTheyAre) {
  TestGateway gateway(exempting("192.0.2.32"));
  for (const Octets& packet : {udp(kIn1, kOut2).build(), tcp(kIn1, kOut2, kSyn).build(),
                               echo("10.0.0.1", "192.0.2.32", 7).build(), tcp(kIn1, kOut2, kAck).build(),
                               other_protocol(address("10.0.0.1"), address("192.0.2.32"), 47).build(),
                               icmp_error("10.0.0.1", "192.0.2.32", 3, 3, udp(kOut2, kIn1)).build()}) {
    const Outcome outcome = gateway.from_inside(packet);
    EXPECT_EQ(outcome.reason, Reason::exempt);
    EXPECT_EQ(outcome.action(), Action::pass);
    EXPECT_EQ(outcome.out, Realm::external);
    EXPECT_EQ(outcome.packet, packet);
  }
  EXPECT_TRUE(gateway.mappings().empty());
  EXPECT_EQ(source_of(gateway.from_inside(udp(kIn1, kOut1)).packet), endpoint("203.0.113.11:4321"));
}

TEST(EngineExempt, ASubnetIsExemptToItsLastAddress) {
  TestGateway gateway(exempting("192.0.2.32/31"));
  EXPECT_EQ(gateway.from_inside(udp(kIn1, "192.0.2.33:7000")).reason, Reason::exempt);
  EXPECT_EQ(gateway.from_inside(udp(kIn1, "192.0.2.34:7000")).reason, Reason::translated);
  EXPECT_EQ(gateway.from_inside(udp(kIn1, "192.0.2.31:7000")).reason, Reason::translated);
}

TEST(EngineExempt, PortsNarrowItDown) {
  TestGateway gateway(exempting("192.0.2.32", {7000, 7001}));
  const auto reason_of = [&](const Octets& packet) { return gateway.from_inside(packet).reason; };
  EXPECT_EQ(reason_of(udp(kIn1, "192.0.2.32:7001")), Reason::exempt);
  EXPECT_EQ(reason_of(tcp(kIn1, kOut2, kSyn)), Reason::exempt);
  EXPECT_EQ(reason_of(udp(kIn1, "192.0.2.32:6999")), Reason::translated);
  EXPECT_EQ(reason_of(udp(kIn1, "192.0.2.32:7002")), Reason::translated);
  EXPECT_EQ(reason_of(echo("10.0.0.1", "192.0.2.32", 7000)), Reason::translated);
  // An error belongs to the packet that it quotes.
  EXPECT_EQ(reason_of(icmp_error("10.0.0.1", "192.0.2.32", 3, 3, udp("192.0.2.32:7000", kIn1))),
            Reason::exempt);
  EXPECT_EQ(reason_of(icmp_error("10.0.0.1", "192.0.2.32", 3, 3, udp("192.0.2.32:53", kIn1))),
            Reason::icmp_no_session);
}

TEST(EngineExempt, AllFragmentsGoTheWayOfTheFirst) {
  TestGateway gateway(exempting("192.0.2.32", {7000, 7000}));
  const auto fragments = cut(udp(kIn1, kOut2).may_fragment().payload(Octets(3000, 'x')), 1480);
  ASSERT_EQ(fragments.size(), 3U);
  EXPECT_EQ(gateway.from_inside(fragments[1]).reason, Reason::fragment_held);
  EXPECT_EQ(gateway.from_inside(fragments[0]).reason, Reason::exempt);
  const auto released = gateway.released();
  ASSERT_EQ(released.size(), 1U);
  EXPECT_EQ(released[0].second.reason, Reason::exempt);
  EXPECT_EQ(released[0].second.out, Realm::external);
  EXPECT_EQ(released[0].second.packet, fragments[1]);
  const Outcome last = gateway.from_inside(fragments[2]);
  EXPECT_EQ(last.reason, Reason::exempt);
  EXPECT_EQ(last.packet, fragments[2]);
}

// Neither the external addresses nor what comes from outside, nor what the gateway itself sends.
TEST(EngineExempt, NothingElseIsExempt) {
  TestGateway gateway(exempting("0.0.0.0/0"));
  EXPECT_EQ(gateway.from_inside(udp(kIn1, "203.0.113.11:9")).reason, Reason::no_mapping);
  EXPECT_EQ(gateway.from_outside(udp(kOut2, "203.0.113.11:9")).reason, Reason::no_mapping);
  EXPECT_EQ(gateway.from_gateway(echo("203.0.113.11", "192.0.2.32", 7)).reason, Reason::translated);
  EXPECT_EQ(gateway.from_inside(udp("127.0.0.1:1", kOut2)).reason, Reason::invalid_source);
}

TEST(EngineExempt, ALiveChangeActsOnTheNextPacket) {
  TestGateway gateway;
  gateway.from_inside(udp(kIn1, kOut2));
  gateway.change([](Policy& policy) { policy.exempt = {{*Prefix::parse("192.0.2.32"), {0, 65535}}}; });
  EXPECT_EQ(gateway.from_inside(udp(kIn1, kOut2)).reason, Reason::exempt);
  gateway.change([](Policy& policy) { policy.exempt.clear(); });
  EXPECT_EQ(gateway.from_inside(udp(kIn1, kOut2)).reason, Reason::translated);
}

TEST(EngineExempt, ExplainSaysSo) {
  TestGateway gateway(exempting("192.0.2.32"));
  const Explanation told = gateway.engine.explain(Probe{.protocol = Protocol::udp,
                                                        .in = Realm::internal,
                                                        .source = endpoint(kIn1),
                                                        .destination = endpoint(kOut2)},
                                                  gateway.now());
  EXPECT_EQ(told.reason, Reason::exempt);
  EXPECT_EQ(told.source, endpoint(kIn1));
  EXPECT_TRUE(told.remedy.empty());
  ASSERT_EQ(told.steps.size(), 3U);
  EXPECT_EQ(told.steps[1].name, "exempt");
}

}  // namespace
}  // namespace nat::test
