// The verbs: mappings that are asked for, by the operator or for a time.
#include <gtest/gtest.h>

#include "tests/support/packet_builder.h"
#include "tests/support/test_gateway.h"

namespace nat::test {
namespace {

constexpr const char* kIn1 = "10.0.0.1:4321";
constexpr const char* kOut1 = "192.0.2.31:7000";
constexpr const char* kOut2 = "192.0.2.32:7000";
constexpr Owner kConsole = 7;
constexpr Owner kOther = 8;

MapRequest lease(const char* internal, std::uint16_t port, Owner owner = kConsole) {
  return {.protocol = Protocol::udp,
          .internal = endpoint(internal),
          .external = {Address(), port},
          .exact = false,
          .origin = Origin::leased,
          .owner = owner,
          .lifetime = seconds(600)};
}

Mapped must_map(TestGateway& gateway, const MapRequest& request) {
  const MapResult result = gateway.map(request);
  EXPECT_TRUE(std::holds_alternative<Mapped>(result));
  return std::holds_alternative<Mapped>(result) ? std::get<Mapped>(result) : Mapped{};
}

MapError refused(TestGateway& gateway, const MapRequest& request) {
  const MapResult result = gateway.map(request);
  EXPECT_TRUE(std::holds_alternative<MapRefusal>(result));
  return std::holds_alternative<MapRefusal>(result) ? std::get<MapRefusal>(result).error
                                                    : MapError::not_found;
}

TEST(EngineVerbs, ALeaseLetsRemotesInUntilItEnds) {
  TestGateway gateway;
  const Mapped mapped = must_map(gateway, lease(kIn1, 5000));
  EXPECT_EQ(mapped.external, endpoint("203.0.113.11:5000"));
  EXPECT_TRUE(mapped.made);
  gateway.pass(seconds(599));
  const Outcome in = gateway.from_outside(udp(kOut1, "203.0.113.11:5000"));
  ASSERT_TRUE(in.forwarded());
  EXPECT_EQ(destination_of(in.packet), endpoint(kIn1));
  gateway.pass(seconds(2));
  EXPECT_EQ(gateway.from_outside(udp(kOut2, "203.0.113.11:5000")).reason, Reason::no_mapping);
  EXPECT_TRUE(gateway.mappings().empty());
  EXPECT_EQ(gateway.observed().removed.back().cause, RemovalCause::expired);
}

TEST(EngineVerbs, RenewedItGoesOn) {
  TestGateway gateway;
  const Mapped mapped = must_map(gateway, lease(kIn1, 5000));
  gateway.pass(seconds(590));
  ASSERT_TRUE(
      std::holds_alternative<Mapped>(gateway.engine.renew(mapped.id, kConsole, seconds(600), gateway.now())));
  gateway.pass(seconds(590));
  EXPECT_TRUE(gateway.from_outside(udp(kOut1, "203.0.113.11:5000")).forwarded());
}

// Its outbound port is the leased one, for every remote (RFC 6887 section 11).
TEST(EngineVerbs, ALeaseFixesTheOutboundPort) {
  TestGateway gateway;
  must_map(gateway, lease(kIn1, 5000));
  EXPECT_EQ(source_of(gateway.from_inside(udp(kIn1, kOut1)).packet), endpoint("203.0.113.11:5000"));
  EXPECT_EQ(source_of(gateway.from_inside(udp(kIn1, kOut2)).packet), endpoint("203.0.113.11:5000"));
}

TEST(EngineVerbs, ALeaseThatEndsInUseGoesOnAsADynamicMapping) {
  TestGateway gateway;
  const Mapped mapped = must_map(gateway, lease(kIn1, 5000));
  gateway.pass(seconds(500));
  gateway.from_inside(udp(kIn1, kOut1));
  gateway.pass(seconds(102));
  const auto mappings = gateway.mappings();
  ASSERT_EQ(mappings.size(), 1U);
  EXPECT_EQ(mappings[0].id, mapped.id);
  EXPECT_EQ(mappings[0].origin, Origin::dynamic);
  EXPECT_TRUE(gateway.from_outside(udp(kOut1, "203.0.113.11:5000")).forwarded());
  EXPECT_EQ(gateway.from_outside(udp(kOut2, "203.0.113.11:5000")).reason, Reason::filtered_by_address);
}

TEST(EngineVerbs, ADynamicMappingIsPromotedWithItsSessions) {
  TestGateway gateway;
  gateway.from_inside(udp(kIn1, kOut1));
  const std::uint64_t id = gateway.mappings()[0].id;
  const Mapped mapped = must_map(gateway, lease(kIn1, 5000));
  EXPECT_EQ(mapped.id, id) << "the port that it has, not the one that it wished for";
  EXPECT_EQ(mapped.external, endpoint("203.0.113.11:4321"));
  EXPECT_FALSE(mapped.made);
  EXPECT_EQ(gateway.sessions().size(), 1U);
  EXPECT_TRUE(gateway.from_outside(udp(kOut2, "203.0.113.11:4321")).forwarded());
}

TEST(EngineVerbs, AWishGivesWayAndAnExactPortDoesNot) {
  TestGateway gateway;
  must_map(gateway, lease(kIn1, 5000));
  MapRequest request = lease("10.0.0.2:9", 5000, kOther);
  const Mapped other = must_map(gateway, request);
  EXPECT_NE(other.external.port, 5000);
  request.internal = endpoint("10.0.0.3:9");
  request.exact = true;
  EXPECT_EQ(refused(gateway, request), MapError::port_taken);
}

TEST(EngineVerbs, OnlyItsOwnerAndTheOperatorMayChangeIt) {
  TestGateway gateway;
  const Mapped mapped = must_map(gateway, lease(kIn1, 5000));
  const auto by = [&](Owner owner) { return gateway.engine.unmap(mapped.id, owner, gateway.now()); };
  ASSERT_TRUE(by(kOther));
  EXPECT_EQ(by(kOther)->error, MapError::not_owner);
  EXPECT_FALSE(by(kOperator));
  EXPECT_EQ(by(kOperator)->error, MapError::not_found);
  EXPECT_EQ(gateway.observed().removed.size(), 1U);
}

TEST(EngineVerbs, TheFilterOfALeaseHolds) {
  TestGateway gateway;
  MapRequest request = lease(kIn1, 5000);
  request.filter = {Prefix(address("192.0.2.31"), 32), {7000, 7000}};
  must_map(gateway, request);
  EXPECT_TRUE(gateway.from_outside(udp(kOut1, "203.0.113.11:5000")).forwarded());
  EXPECT_EQ(gateway.from_outside(udp("192.0.2.31:7001", "203.0.113.11:5000")).reason,
            Reason::filtered_by_port);
  EXPECT_EQ(gateway.from_outside(udp(kOut2, "203.0.113.11:5000")).reason, Reason::filtered_by_port);
}

TEST(EngineVerbs, QuotasHoldForLeases) {
  Policy policy = plain_policy();
  policy.limits.mappings_per_host = 1;
  TestGateway gateway(policy);
  must_map(gateway, lease(kIn1, 5000));
  EXPECT_EQ(refused(gateway, lease("10.0.0.1:9", 5001)), MapError::host_mapping_limit);
  must_map(gateway, lease("10.0.0.2:9", 5001));
}

TEST(EngineVerbs, WhatMakesNoSenseIsRefused) {
  TestGateway gateway;
  MapRequest request = lease(kIn1, 5000);
  request.lifetime = Duration::zero();
  EXPECT_EQ(refused(gateway, request), MapError::wrong_request);
  request = lease("10.0.0.1:0", 5000);
  EXPECT_EQ(refused(gateway, request), MapError::wrong_request);
  request = lease(kIn1, 5000);
  request.protocol = Protocol::icmp;
  EXPECT_EQ(refused(gateway, request), MapError::wrong_request);
  EXPECT_EQ(gateway.engine.gauges().hosts, 0U);
}

// A host keeps to one external address, and a forward is a mapping like others (RFC 4787 REQ-2): whatever
// seed.
// Rows: U2
TEST(EngineVerbs, AForwardPairsItsHost) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Policy policy = plain_policy();
    policy.external_addresses.clear();
    for (std::uint8_t i = 1; i <= 8; ++i) policy.external_addresses.emplace_back(203, 0, 113, i);
    TestGateway gateway(policy, seed);
    ASSERT_TRUE(
        gateway.set_forwards({{Protocol::tcp, endpoint("203.0.113.4:80"), endpoint("10.0.0.1:80"), ""}})
            .empty());
    EXPECT_EQ(source_of(gateway.from_inside(udp(kIn1, kOut1)).packet).address, address("203.0.113.4"))
        << seed;
  }
}

// A name is not what makes a forward.
TEST(EngineVerbs, RenamingAForwardKeepsItsConnections) {
  TestGateway gateway;
  PortForward forward{Protocol::tcp, endpoint("0.0.0.0:8443"), endpoint("10.0.0.1:443"), "web"};
  gateway.set_forwards({forward});
  ASSERT_TRUE(gateway.from_outside(tcp(kOut1, "203.0.113.11:8443", kSyn)).forwarded());
  forward.name = "site";
  gateway.set_forwards({forward});
  EXPECT_TRUE(gateway.observed().removed.empty());
  EXPECT_EQ(gateway.sessions().size(), 1U);
  EXPECT_EQ(gateway.mappings()[0].name, "site");
}

// However many there are, one more costs the same.
TEST(EngineVerbs, TheCostOfAForwardDoesNotGrow) {
  TestGateway gateway;
  std::uint32_t most = 0;
  for (std::uint16_t i = 0; i < 4000; ++i) {
    const Endpoint internal{Address(10, 0, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)),
                            80};
    must_map(gateway,
             request_for({Protocol::tcp, {Address(), static_cast<std::uint16_t>(20000 + i)}, internal, ""}));
    most = std::max(most, gateway.engine.last_work());
  }
  EXPECT_LE(most, 8U);
}

}  // namespace
}  // namespace nat::test
