// What natd does wrong on purpose: each switch breaks its own rule, and only that one. Whole packets are
// compared, so that a checksum that is not right fails as well.
#include <gtest/gtest.h>

#include "tests/support/checksums.h"
#include "tests/support/packet_builder.h"
#include "tests/support/test_gateway.h"
#include "translation/net/wire.h"

namespace nat::test {
namespace {

constexpr auto kIn1 = "10.0.0.1:4321";
constexpr auto kOut1 = "192.0.2.31:7000";
constexpr auto kOut2 = "192.0.2.32:7000";
constexpr auto kExternal = "203.0.113.11:4321";

Policy misbehaving(void (*how)(Misbehavior&)) {
  Policy policy = plain_policy();
  how(policy.misbehavior);
  return policy;
}

// The octets of an endpoint as protocols carry it: 10.0.0.1 is 0a 00 00 01, port 4321 is 10 e1.
const Octets kInternalOctets{0x0a, 0x00, 0x00, 0x01, 0x10, 0xe1};
const Octets kExternalOctets{0xcb, 0x00, 0x71, 0x0b, 0x10, 0xe1};

Octets operator+(Octets a, const Octets& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// --- syn-answer (T4: never a reset, and no ICMP before 6 s).

TEST(EngineMisbehavior, AnUnsolicitedSynIsReset) {
  TestGateway gateway(misbehaving([](Misbehavior& m) { m.syn_answer = SynAnswer::reset; }));
  const Outcome outcome =
      gateway.from_outside(tcp(kOut1, "203.0.113.11:9999", kSyn).sequence(0xffffffff).payload("abc"));
  EXPECT_EQ(outcome.reason, Reason::unsolicited_syn);
  // SYN and three octets of data are acknowledged: 0xffffffff + 4.
  EXPECT_EQ(outcome.reply, tcp("203.0.113.11:9999", kOut1, kRst | kAck)
                               .sequence(0)
                               .acknowledge(3)
                               .window(0)
                               .identification(0)
                               .build());
}

TEST(EngineMisbehavior, AFilteredSynIsRefusedByIcmpFromTheAddressItWasSentTo) {
  Policy policy = misbehaving([](Misbehavior& m) { m.syn_answer = SynAnswer::icmp; });
  policy.external_addresses.push_back(Address(203, 0, 113, 12));
  TestGateway gateway(policy);
  const Endpoint external = source_of(gateway.from_inside(tcp(kIn1, kOut1, kSyn)).packet);
  const Octets syn = tcp(endpoint(kOut2), external, kSyn);
  const Outcome outcome = gateway.from_outside(syn);
  EXPECT_EQ(outcome.reason, Reason::filtered_by_address);
  ASSERT_FALSE(outcome.reply.empty());
  EXPECT_EQ(source_address_of(outcome.reply), external.address);
  EXPECT_EQ(destination_address_of(outcome.reply), address("192.0.2.32"));
  EXPECT_EQ(outcome.reply[20], 3);
  EXPECT_EQ(outcome.reply[21], 3);
  EXPECT_EQ(quote_of(outcome.reply), syn);
  EXPECT_TRUE(checksums_valid(outcome.reply));
}

TEST(EngineMisbehavior, OnlySynsFromOutsideAreAnswered) {
  for (const SynAnswer answer : {SynAnswer::none, SynAnswer::reset, SynAnswer::icmp}) {
    Policy policy = plain_policy();
    policy.misbehavior.syn_answer = answer;
    TestGateway gateway(policy);
    EXPECT_TRUE(gateway.from_outside(udp(kOut1, kExternal)).reply.empty());
    EXPECT_TRUE(gateway.from_outside(tcp(kOut1, kExternal, kAck)).reply.empty());
    EXPECT_TRUE(gateway.from_outside(tcp(kOut1, kExternal, kSyn | kAck)).reply.empty());
    EXPECT_TRUE(gateway.from_outside(echo("192.0.2.31", "203.0.113.11", 1)).reply.empty());
    EXPECT_TRUE(gateway.from_inside(tcp(kIn1, "203.0.113.11:9999", kSyn)).reply.empty());
    EXPECT_EQ(gateway.from_outside(tcp(kOut1, kExternal, kSyn)).reply.empty(), answer == SynAnswer::none);
  }
}

TEST(EngineMisbehavior, AnswersToSynsKeepToTheRate) {
  Policy policy = misbehaving([](Misbehavior& m) { m.syn_answer = SynAnswer::reset; });
  policy.limits.icmp_rate = 1;
  policy.limits.icmp_burst = 2;
  TestGateway gateway(policy);
  int confirmed = 0;
  for (int i = 0; i < 5; ++i) confirmed += !gateway.from_outside(tcp(kOut1, kExternal, kSyn)).reply.empty();
  EXPECT_EQ(confirmed, 2);
  EXPECT_EQ(gateway.engine.counters().icmp_errors_suppressed, 3U);
}

// --- no-outbound-refresh (U6: outbound packets keep a mapping alive).

TEST(EngineMisbehavior, WithoutOutboundRefreshAMappingEndsHoweverMuchIsSent) {
  for (const bool broken : {false, true}) {
    Policy policy = plain_policy();
    policy.misbehavior.no_outbound_refresh = broken;
    TestGateway gateway(policy);
    gateway.from_inside(udp(kIn1, kOut1));
    const std::uint64_t first = gateway.mappings()[0].id;
    for (int i = 0; i < 8; ++i) {
      gateway.pass(seconds(100));
      gateway.from_inside(udp(kIn1, kOut1));
    }
    EXPECT_EQ(gateway.mappings()[0].id != first, broken);
  }
}

// --- filter-ends-mapping.

TEST(EngineMisbehavior, AFilteredPacketEndsTheMapping) {
  TestGateway gateway(misbehaving([](Misbehavior& m) { m.filter_ends_mapping = true; }));
  gateway.from_inside(udp(kIn1, kOut1));
  EXPECT_EQ(gateway.from_outside(udp(kOut2, kExternal)).reason, Reason::filtered_by_address);
  EXPECT_TRUE(gateway.mappings().empty());
  EXPECT_EQ(gateway.observed().removed.at(0).cause, RemovalCause::misbehaved);
  EXPECT_EQ(gateway.from_outside(udp(kOut1, kExternal)).reason, Reason::no_mapping);
  EXPECT_TRUE(gateway.from_inside(udp(kIn1, kOut1)).forwarded());
  EXPECT_TRUE(gateway.from_outside(udp(kOut1, kExternal)).forwarded());
}

TEST(EngineMisbehavior, OtherRefusalsEndNothing) {
  Policy policy = misbehaving([](Misbehavior& m) { m.filter_ends_mapping = true; });
  TestGateway gateway(policy);
  gateway.set_forwards({{Protocol::tcp, endpoint("0.0.0.0:80"), endpoint("10.0.0.1:80"), ""}});
  gateway.from_inside(tcp(kIn1, kOut1, kSyn));
  EXPECT_EQ(gateway.from_outside(tcp(kOut2, kExternal, kAck)).reason, Reason::tcp_no_session);
  EXPECT_EQ(gateway.from_outside(tcp(kOut2, "203.0.113.11:80", kAck)).reason, Reason::tcp_no_session);
  EXPECT_EQ(gateway.mappings().size(), 2U);
}

// --- payload-rewriting (NO1: payloads are left alone).

TEST(EngineMisbehavior, AnEndpointInAPayloadIsTranslatedBothWays) {
  for (const bool with_tcp : {false, true}) {
    TestGateway gateway(misbehaving([](Misbehavior& m) { m.payload_rewriting = true; }));
    const auto make = [&](const char* source, const char* destination, std::uint8_t flags, Octets payload) {
      return with_tcp ? tcp(source, destination, flags).payload(std::move(payload)).build()
                      : udp(source, destination).payload(std::move(payload)).build();
    };
    if (with_tcp) {
      gateway.from_inside(tcp(kIn1, kOut1, kSyn));
      gateway.from_outside(tcp(kOut1, kExternal, kSyn | kAck));
    }
    // At an even and at an odd place, at the very end, and an address without its port.
    const Octets other_port{0x0a, 0x00, 0x00, 0x01, 0x00, 0x50},
        other_port_out{0xcb, 0x00, 0x71, 0x0b, 0x00, 0x50};
    const Octets inside = octets("ab") + kInternalOctets + octets("c") + kInternalOctets + other_port +
                          octets("d") + Octets{0x0a, 0x00, 0x00, 0x01};
    const Octets outside = octets("ab") + kExternalOctets + octets("c") + kExternalOctets + other_port_out +
                           octets("d") + Octets{0xcb, 0x00, 0x71, 0x0b};
    EXPECT_EQ(gateway.from_inside(make(kIn1, kOut1, kAck, inside)).packet,
              make(kExternal, kOut1, kAck, outside));
    EXPECT_EQ(gateway.from_outside(make(kOut1, kExternal, kAck, outside)).packet,
              make(kOut1, kIn1, kAck, inside));
  }
}

TEST(EngineMisbehavior, TheExternalPortGoesIntoThePayloadToo) {
  Policy policy = misbehaving([](Misbehavior& m) { m.payload_rewriting = true; });
  policy.ports.preserve = false;
  TestGateway gateway(policy);
  const Outcome outcome = gateway.from_inside(udp(kIn1, kOut1).payload(kInternalOctets));
  const Endpoint external = source_of(outcome.packet);
  ASSERT_NE(external.port, 4321);
  Octets expected = kExternalOctets;
  expected[4] = static_cast<std::uint8_t>(external.port >> 8);
  expected[5] = static_cast<std::uint8_t>(external.port);
  EXPECT_EQ(outcome.packet, udp(external, endpoint(kOut1)).payload(expected).build());
}

// Rows: NO1
TEST(EngineMisbehavior, APayloadIsLeftAloneOtherwise) {
  const Octets payload = octets("x") + kInternalOctets;
  TestGateway gateway;
  EXPECT_EQ(gateway.from_inside(udp(kIn1, kOut1).payload(payload)).packet,
            udp(kExternal, kOut1).payload(payload).build());
  TestGateway rewriting(misbehaving([](Misbehavior& m) { m.payload_rewriting = true; }));
  // The address of another host, and less than an address.
  for (const Octets& harmless : {Octets{0x0a, 0x00, 0x00, 0x02, 0x10, 0xe1}, Octets{0x0a, 0x00, 0x00}}) {
    EXPECT_EQ(rewriting.from_inside(udp(kIn1, kOut1).payload(harmless)).packet,
              udp(kExternal, kOut1).payload(harmless).build());
  }
  const Outcome bare = rewriting.from_inside(udp(kIn1, kOut1).payload(kInternalOctets).no_checksum());
  EXPECT_EQ(bare.packet, udp(kExternal, kOut1).payload(kExternalOctets).no_checksum().build());
}

// --- mapping-loss.

TEST(EngineMisbehavior, MappingsAreLostAsOftenAsAsked) {
  Policy policy = plain_policy();
  policy.ports.preserve = false;
  TestGateway gateway(policy);
  gateway.from_inside(udp(kIn1, kOut1));
  const auto losses_of = [&](std::uint32_t rate) {
    gateway.change([&](Policy& changed) { changed.misbehavior.mapping_loss = rate; });
    const std::size_t before = gateway.observed().removed.size();
    for (int i = 0; i < 2000; ++i) EXPECT_TRUE(gateway.from_inside(udp(kIn1, kOut1)).forwarded());
    return gateway.observed().removed.size() - before;
  };
  EXPECT_EQ(losses_of(0), 0U);
  EXPECT_EQ(losses_of(1000), 2000U);
  // 200 are expected of 2000; six standard deviations are 80.
  EXPECT_NEAR(static_cast<double>(losses_of(100)), 200, 80);
  EXPECT_EQ(gateway.mappings().size(), 1U);
}

TEST(EngineMisbehavior, AConnectionDiesWithItsLostMapping) {
  TestGateway gateway;
  gateway.from_inside(tcp(kIn1, kOut1, kSyn));
  gateway.from_outside(tcp(kOut1, kExternal, kSyn | kAck));
  gateway.change([](Policy& policy) { policy.misbehavior.mapping_loss = 1000; });
  EXPECT_EQ(gateway.from_inside(tcp(kIn1, kOut1, kAck)).reason, Reason::tcp_no_session);
}

// The mapping that a host's own behaviour finds, not the one that the behaviour of the others would.
TEST(EngineMisbehavior, AMappingUnderARuleIsLostToo) {
  Policy policy = misbehaving([](Misbehavior& m) { m.mapping_loss = 1000; });
  HostRule rule;
  rule.profile = policy;
  rule.profile.udp.mapping = Behavior::address_dependent;
  policy.host_rules = {rule};
  TestGateway gateway(policy);
  gateway.from_inside(udp(kIn1, kOut1));
  gateway.from_inside(udp(kIn1, "192.0.2.31:7001"));
  EXPECT_EQ(gateway.observed().removed.size(), 1U);
}

TEST(EngineMisbehavior, APortForwardIsNotLost) {
  Policy policy = misbehaving([](Misbehavior& m) { m.mapping_loss = 1000; });
  TestGateway gateway(policy);
  gateway.set_forwards({{Protocol::udp, endpoint("0.0.0.0:9000"), endpoint(kIn1), ""}});
  EXPECT_EQ(source_of(gateway.from_inside(udp(kIn1, kOut1)).packet), endpoint("203.0.113.11:9000"));
  EXPECT_EQ(gateway.mappings().size(), 1U);
}

// --- hairpin-internal-source (U9a: the receiver sees the external endpoint of the sender).

TEST(EngineMisbehavior, AHairpinnedPacketShowsItsInternalSource) {
  TestGateway gateway(misbehaving([](Misbehavior& m) { m.hairpin_internal_source = true; }));
  gateway.from_inside(udp("10.0.0.2:5000", kOut1));
  const Outcome outcome = gateway.from_inside(udp(kIn1, "203.0.113.11:5000").payload("hello"));
  EXPECT_EQ(outcome.reason, Reason::hairpinned);
  EXPECT_EQ(outcome.hairpin_source, address("10.0.0.1"));
  EXPECT_EQ(outcome.packet, udp(kIn1, "10.0.0.2:5000").payload("hello").build());
}

}  // namespace
}  // namespace nat::test
