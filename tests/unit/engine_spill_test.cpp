// Ports below 1024 are for internal ports below 1024 and the others for the others (RFC 4787 REQ-3a); but
// that is a SHOULD, and when one class is exhausted the other serves, unless ports.spill says no.
#include <gtest/gtest.h>

#include "tests/support/packet_builder.h"
#include "tests/support/test_gateway.h"

namespace nat::test {
namespace {

constexpr auto kOut1 = "192.0.2.31:7000";

Endpoint host(std::uint32_t number, std::uint16_t port) { return {Address((10U << 24) + number), port}; }

Outcome from(TestGateway& gateway, Endpoint internal) {
  return gateway.from_inside(udp(internal, endpoint(kOut1)));
}

// NTP clients of old use 123 on their own side too, and 512 to 1023 are 512 ports.
// Rows: U3a
TEST(EngineSpill, HundredsOfDevicesWithOneSystemPort) {
  TestGateway gateway;
  for (std::uint32_t number = 1; number <= 600; ++number) {
    const Outcome out = from(gateway, host(number, 123));
    ASSERT_TRUE(out.forwarded()) << number;
    ASSERT_EQ(source_of(out.packet).port < 1024, number <= 512) << number;
  }
}

// Rows: U3a
TEST(EngineSpill, MayBeForbidden) {
  Policy policy = plain_policy();
  policy.ports.spill = false;
  TestGateway gateway(policy);
  for (std::uint32_t number = 1; number <= 512; ++number)
    ASSERT_TRUE(from(gateway, host(number, 123)).forwarded());
  EXPECT_EQ(from(gateway, host(513, 123)).reason, Reason::ports_exhausted);
  EXPECT_TRUE(from(gateway, host(513, 1123)).forwarded());
}

// Both ways, in every manner of choosing, and only when there is no other port: the six user ports first.
// Rows: U3a
TEST(EngineSpill, OnlyWhenTheOwnClassIsExhausted) {
  for (const bool preserve : {false, true}) {
    for (const Allocation allocation : {Allocation::random, Allocation::sequential}) {
      Policy policy = plain_policy();
      policy.ports.ranges = {{600, 605}, {2000, 2005}};
      policy.ports.preserve = preserve;
      policy.ports.allocation = allocation;
      TestGateway gateway(policy);
      for (std::uint32_t number = 1; number <= 12; ++number) {
        const Outcome out = from(gateway, host(number, 2001));
        ASSERT_TRUE(out.forwarded()) << number;
        EXPECT_EQ(source_of(out.packet).port >= 1024, number <= 6) << number;
      }
      EXPECT_EQ(from(gateway, host(13, 2001)).reason, Reason::ports_exhausted);
    }
  }
}

// A port in quarantine is not free, and its class is exhausted as long; its owner has it back all the same.
// Rows: U3a C8
TEST(EngineSpill, RestIsRespected) {
  Policy policy = plain_policy();
  policy.ports.ranges = {{600, 600}, {2000, 2003}};
  policy.quarantine_share = 100;
  TestGateway gateway(policy);
  ASSERT_EQ(source_of(from(gateway, host(1, 600)).packet).port, 600);
  gateway.pass(seconds(302));
  EXPECT_GE(source_of(from(gateway, host(2, 600)).packet).port, 2000);
  EXPECT_EQ(source_of(from(gateway, host(1, 600)).packet).port, 600);
}

// Ports that a rule names are for its mappings alone, and its mappings get no others (RFC 4787 REQ-11).
// Rows: U3a
TEST(EngineSpill, StaysWithinThePortsOfARule) {
  Policy policy = plain_policy();
  policy.ports.ranges = {{600, 600}, {2000, 2000}};
  HostRule rule;
  rule.internal = Prefix(address("10.0.0.1"), 32);
  rule.profile = policy;
  rule.profile.ports.ranges = {{601, 601}, {3000, 3000}};
  rule.own_ports = true;
  policy.host_rules = {rule};
  TestGateway gateway(policy);
  EXPECT_EQ(source_of(from(gateway, host(1, 5000)).packet).port, 3000);
  EXPECT_EQ(source_of(from(gateway, host(1, 5001)).packet).port, 601);
  EXPECT_EQ(from(gateway, host(1, 5002)).reason, Reason::ports_exhausted);
  EXPECT_EQ(source_of(from(gateway, host(2, 5000)).packet).port, 2000);
  EXPECT_EQ(source_of(from(gateway, host(2, 5001)).packet).port, 600);
  EXPECT_EQ(from(gateway, host(2, 5002)).reason, Reason::ports_exhausted);
}

// A host keeps to its address rather than to its class (RFC 4787 REQ-2).
// Rows: U3a U2
TEST(EngineSpill, StaysOnTheAddressOfTheHost) {
  Policy policy = plain_policy();
  policy.external_addresses = {address("203.0.113.11"), address("203.0.113.12")};
  policy.ports.ranges = {{600, 600}, {2000, 2000}};
  policy.soft_pairing = true;
  TestGateway gateway(policy);
  const Endpoint first = source_of(from(gateway, host(1, 5000)).packet);
  EXPECT_EQ(source_of(from(gateway, host(1, 5001)).packet), (Endpoint{first.address, 600}));
  const Endpoint third = source_of(from(gateway, host(1, 5002)).packet);
  EXPECT_NE(third.address, first.address);
  EXPECT_EQ(third.port, 2000);
}

// explain() foresees it.
// Rows: U3a
TEST(EngineSpill, IsForeseen) {
  Policy policy = plain_policy();
  policy.ports.ranges = {{600, 600}, {2000, 2000}};
  TestGateway gateway(policy);
  const auto told = [&](std::uint32_t number) {
    return gateway.engine.explain({.protocol = Protocol::udp,
                                   .in = Realm::internal,
                                   .source = host(number, 123),
                                   .destination = endpoint(kOut1)},
                                  gateway.now());
  };
  ASSERT_TRUE(from(gateway, host(1, 123)).forwarded());
  EXPECT_EQ(told(2).reason, Reason::translated);
  ASSERT_TRUE(from(gateway, host(2, 123)).forwarded());
  EXPECT_EQ(told(3).reason, Reason::ports_exhausted);
}

}  // namespace
}  // namespace nat::test
