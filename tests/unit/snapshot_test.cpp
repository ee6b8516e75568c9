// Restart: what one engine knew, another goes on with; and what is not whole is not used at all.
#include <gtest/gtest.h>

#include "tests/support/packet_builder.h"
#include "tests/support/test_gateway.h"

namespace nat::test {
namespace {

constexpr const char* kIn1 = "10.0.0.1:4321";
constexpr const char* kOut1 = "192.0.2.31:7000";
constexpr const char* kOut2 = "192.0.2.32:7000";
constexpr const char* kExternal = "203.0.113.11:4321";

SnapshotError error_of(const RestoreResult& result) {
  EXPECT_TRUE(std::holds_alternative<SnapshotError>(result));
  return std::holds_alternative<SnapshotError>(result) ? std::get<SnapshotError>(result)
                                                       : SnapshotError::in_use;
}

// A busy engine: a dynamic mapping with a live and a dormant session, TCP, a forward, a lease, a port in
// quarantine.
void make_busy(TestGateway& gateway) {
  gateway.set_forwards({{Protocol::tcp, endpoint("0.0.0.0:8443"), endpoint("10.0.0.9:443"), "web"}});
  gateway.from_inside(udp("10.0.0.3:99", kOut1));
  gateway.pass(seconds(290));
  gateway.from_inside(udp(kIn1, kOut1));
  gateway.pass(seconds(20));  // the port of 10.0.0.3 rests
  gateway.map({.protocol = Protocol::udp,
               .internal = endpoint("10.0.0.4:5"),
               .external = {Address(), 5005},
               .origin = Origin::leased,
               .owner = 3,
               .lifetime = seconds(1000)});
  gateway.from_inside(tcp("10.0.0.2:8080", kOut1, kSyn));
  gateway.from_outside(tcp(kOut1, "203.0.113.11:8080", kSyn | kAck));
  gateway.from_inside(tcp("10.0.0.2:8080", kOut1, kAck));
}

TEST(Snapshot, AnotherEngineGoesOn) {
  TestGateway gateway;
  make_busy(gateway);
  const auto mappings = gateway.mappings();
  const auto sessions = gateway.sessions();
  const std::uint64_t translated = gateway.count(Reason::translated);
  const Restored restored = gateway.restart(3);
  EXPECT_EQ(restored.mappings, mappings.size());
  EXPECT_EQ(restored.sessions, sessions.size());
  EXPECT_EQ(restored.left_out, 0U);
  ASSERT_EQ(gateway.mappings().size(), mappings.size());
  for (std::size_t i = 0; i < mappings.size(); ++i) {
    EXPECT_EQ(gateway.mappings()[i].id, mappings[i].id);
    EXPECT_EQ(gateway.mappings()[i].expires, mappings[i].expires);
    EXPECT_EQ(gateway.mappings()[i].name, mappings[i].name);
  }
  EXPECT_EQ(gateway.count(Reason::translated), translated);
  EXPECT_TRUE(gateway.from_outside(tcp(kOut1, "203.0.113.11:8080", kAck).payload("x")).forwarded());
  for (const SessionView& session : gateway.sessions()) {
    if (session.protocol == Protocol::tcp) {
      EXPECT_EQ(session.state, SessionState::established);
    }
  }
  EXPECT_TRUE(gateway.from_outside(udp(kOut1, kExternal)).forwarded());
  EXPECT_EQ(gateway.from_outside(udp(kOut2, kExternal)).reason, Reason::filtered_by_address);
  EXPECT_TRUE(gateway.from_outside(udp(kOut2, "203.0.113.11:5005")).forwarded());
  EXPECT_NE(source_of(gateway.from_inside(udp("10.0.0.7:99", kOut1)).packet).port, 99) << "in quarantine";
}

// A remote that was contacted may come in as long as the mapping lives, over a restart too.
TEST(Snapshot, DormantRemotesStayPermitted) {
  Policy policy = plain_policy();
  policy.udp.filtering = Behavior::address_and_port_dependent;
  TestGateway gateway(policy);
  gateway.from_inside(udp(kIn1, kOut1));
  gateway.pass(seconds(200));
  gateway.from_inside(udp(kIn1, kOut2));
  gateway.pass(seconds(150));
  ASSERT_EQ(gateway.mappings()[0].dormant, 1U);
  gateway.restart();
  EXPECT_EQ(gateway.mappings()[0].dormant, 1U);
  EXPECT_TRUE(gateway.from_outside(udp(kOut1, kExternal)).forwarded());
}

TEST(Snapshot, WhatNoLongerFitsIsLeftOutAndCounted) {
  TestGateway gateway;
  gateway.from_inside(udp(kIn1, kOut1));
  const Octets octets = gateway.snapshot();
  Policy policy = plain_policy();
  policy.external_addresses = {address("203.0.113.99")};
  TestGateway other(policy);
  const RestoreResult result = other.engine.restore(octets, gateway.now());
  ASSERT_TRUE(std::holds_alternative<Restored>(result));
  EXPECT_EQ(std::get<Restored>(result).mappings, 0U);
  EXPECT_EQ(std::get<Restored>(result).left_out, 2U);
  EXPECT_TRUE(other.mappings().empty());
}

TEST(Snapshot, EveryOctetCounts) {
  TestGateway gateway;
  make_busy(gateway);
  const Octets octets = gateway.snapshot();
  TestGateway other;
  other.advance(std::chrono::hours(1));
  for (std::size_t at = 0; at < octets.size(); ++at) {
    Octets changed = octets;
    changed[at] ^= 0x10;
    const RestoreResult result = other.engine.restore(changed, other.now());
    ASSERT_TRUE(std::holds_alternative<SnapshotError>(result)) << "octet " << at;
    ASSERT_TRUE(other.mappings().empty()) << "nothing of it is used";
  }
}

TEST(Snapshot, EveryCutIsSeen) {
  TestGateway gateway;
  make_busy(gateway);
  const Octets octets = gateway.snapshot();
  TestGateway other;
  other.advance(std::chrono::hours(1));
  for (std::size_t size = 0; size < octets.size(); ++size) {
    const RestoreResult result = other.engine.restore(std::span(octets).first(size), other.now());
    ASSERT_TRUE(std::holds_alternative<SnapshotError>(result)) << size;
  }
}

TEST(Snapshot, SaysWhyItIsRefused) {
  TestGateway gateway;
  gateway.from_inside(udp(kIn1, kOut1));
  const Octets octets = gateway.snapshot();
  TestGateway other;
  EXPECT_EQ(error_of(other.engine.restore({}, other.now())), SnapshotError::no_snapshot);
  Octets changed = octets;
  changed[8] ^= 1;
  EXPECT_EQ(error_of(other.engine.restore(changed, other.now())), SnapshotError::other_version);
  EXPECT_EQ(error_of(gateway.engine.restore(octets, gateway.now())), SnapshotError::in_use);
  gateway.advance(seconds(5));
  gateway.from_inside(udp(kIn1, kOut2));
  EXPECT_EQ(error_of(other.engine.restore(gateway.snapshot(), other.now())), SnapshotError::other_clock)
      << "it is from the future";
}

}  // namespace
}  // namespace nat::test
