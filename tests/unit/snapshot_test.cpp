// Restart: what one engine knew, another goes on with; and what is not whole is not used at all.
#include <gtest/gtest.h>

#include "tests/support/packet_builder.h"
#include "tests/support/snapshot_records.h"
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

// The snapshot with its mappings changed, and the checksum that belongs to it.
template <typename Change>
Octets with_mappings(const Octets& snapshot, Change&& change) {
  std::vector<Octets> records = records_of(snapshot);
  for (Octets& record : records) {
    if (record.front() != static_cast<std::uint8_t>(SnapshotRecord::mapping)) continue;
    SnapshotReader in{std::span(record).subspan(1)};
    SavedMapping saved = read_mapping(in);
    change(saved);
    record = record_of(saved);
  }
  return sealed(records);
}

// Places of numbers in the header.
constexpr std::size_t kEpoch = 16, kNextId = 40;

Octets with_number(const Octets& snapshot, std::size_t at, std::uint64_t number) {
  std::vector<Octets> records = records_of(snapshot);
  for (std::size_t i = 0; i < 8; ++i) records[0][at + i] = static_cast<std::uint8_t>(number >> 8 * i);
  return sealed(records);
}

// What an engine like the one that saved it says to it, an hour later.
RestoreResult restored(const Octets& snapshot) {
  TestGateway other;
  other.advance(std::chrono::hours(1));
  const RestoreResult result = other.engine.restore(snapshot, other.now());
  if (std::holds_alternative<SnapshotError>(result)) {
    EXPECT_EQ(other.engine.gauges().records, 0U) << "nothing of it is used";
  }
  return result;
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

// What a lease leaves behind is a dynamic mapping, and an internal endpoint may have had two leases.
TEST(Snapshot, TwoMappingsOfOneInternalEndpointAreNoContradiction) {
  Policy policy = plain_policy();
  policy.udp.filtering = Behavior::endpoint_independent;
  TestGateway gateway(policy);
  for (const std::uint16_t port : {std::uint16_t{5001}, std::uint16_t{5002}}) {
    gateway.map({.protocol = Protocol::udp,
                 .internal = endpoint("10.0.0.4:5"),
                 .external = {Address(), port},
                 .origin = Origin::leased,
                 .owner = 3,
                 .lifetime = seconds(100)});
  }
  gateway.from_outside(udp(kOut1, "203.0.113.11:5001"));
  gateway.from_inside(udp("10.0.0.4:5", kOut1));
  gateway.from_outside(udp(kOut2, "203.0.113.11:5002"));
  gateway.from_inside(udp("10.0.0.4:5", kOut2));
  gateway.pass(seconds(150));
  ASSERT_EQ(gateway.mappings().size(), 2U);
  ASSERT_EQ(gateway.mappings()[0].origin, Origin::dynamic);
  ASSERT_EQ(gateway.mappings()[1].origin, Origin::dynamic);
  const RestoreResult result = restored(gateway.snapshot());
  ASSERT_TRUE(std::holds_alternative<Restored>(result));
  EXPECT_EQ(std::get<Restored>(result).mappings, 2U);
  EXPECT_EQ(std::get<Restored>(result).sessions, 2U);
}

// A host has ports of its own blocks only, so that its external endpoint identifies it (RFC 7422).
TEST(Snapshot, AMappingOutsideItsHostsBlockIsLeftOut) {
  Policy policy = plain_policy();
  policy.blocks.subscribers = {address("10.0.0.1"), address("10.0.0.2")};
  TestGateway gateway(policy);
  gateway.from_inside(udp("10.0.0.2:4321", kOut1));
  const Octets octets = gateway.snapshot();
  policy.blocks.subscribers = {address("10.0.0.2"), address("10.0.0.3")};
  TestGateway other(policy);
  const RestoreResult result = other.engine.restore(octets, gateway.now());
  ASSERT_TRUE(std::holds_alternative<Restored>(result));
  EXPECT_EQ(std::get<Restored>(result).mappings, 0U);
  EXPECT_EQ(std::get<Restored>(result).left_out, 2U);
  EXPECT_EQ(other.engine.gauges().mappings, 0U);
  TestGateway same(gateway.engine.policy());
  EXPECT_EQ(std::get<Restored>(same.engine.restore(octets, gateway.now())).mappings, 1U);
}

// Sessions that only remotes speak on keep no mapping, and go with it.
TEST(Snapshot, WhatEndsAtOnceIsNotCountedAsRestored) {
  Policy policy = plain_policy();
  policy.udp.filtering = Behavior::endpoint_independent;
  TestGateway gateway(policy);
  gateway.from_inside(udp(kIn1, kOut1));
  gateway.from_outside(udp(kOut2, kExternal));
  std::vector<Octets> records = records_of(gateway.snapshot());
  std::erase_if(records, [](const Octets& record) {
    if (record.front() != static_cast<std::uint8_t>(SnapshotRecord::session)) return false;
    SnapshotReader in{std::span(record).subspan(1)};
    return read_session(in).session.confirmed;
  });
  const RestoreResult result = restored(sealed(records));
  ASSERT_TRUE(std::holds_alternative<Restored>(result));
  EXPECT_EQ(std::get<Restored>(result).mappings, 0U);
  EXPECT_EQ(std::get<Restored>(result).sessions, 0U);
  EXPECT_EQ(std::get<Restored>(result).left_out, 2U);
}

// The ticks of the snapshot begin where the engine that saved it began, which may be later.
TEST(Snapshot, AnEngineThatHasRunForLongerExpiresInTime) {
  TestGateway gateway;
  gateway.pass(std::chrono::minutes(100));
  SeededRandom random(2);
  Engine young(plain_policy(), random, nullptr, gateway.now());
  Octets packet = udp(kIn1, kOut1);
  young.translate({.octets = packet}, Realm::internal, gateway.now());
  Octets octets;
  SnapshotCursor cursor;
  young.save(
      cursor, 1000, [&](auto piece) { octets.insert(octets.end(), piece.begin(), piece.end()); },
      gateway.now());
  ASSERT_TRUE(std::holds_alternative<Restored>(gateway.engine.restore(octets, gateway.now())));
  ASSERT_EQ(gateway.engine.gauges().mappings, 1U);
  gateway.pass(seconds(302));
  EXPECT_EQ(gateway.engine.gauges().mappings, 0U);
}

// What no engine can have saved is refused though its checksum holds.
TEST(Snapshot, WhatMakesNoSenseIsDamaged) {
  TestGateway gateway;
  make_busy(gateway);
  const Octets octets = gateway.snapshot();
  ASSERT_TRUE(std::holds_alternative<Restored>(restored(sealed(records_of(octets)))));
  const auto fixed = [&](auto change) {
    return with_mappings(octets, [&](SavedMapping& saved) {
      if (saved.mapping.origin != Origin::dynamic) change(saved);
    });
  };
  EXPECT_EQ(error_of(restored(fixed([](SavedMapping& saved) { saved.mapping.protocol = Protocol::icmp; }))),
            SnapshotError::damaged);
  EXPECT_EQ(error_of(restored(fixed([](SavedMapping& saved) { saved.mapping.internal.port = 0; }))),
            SnapshotError::damaged);
  EXPECT_EQ(error_of(restored(fixed([](SavedMapping& saved) { saved.fixed.name = MappingName("a\nb"); }))),
            SnapshotError::damaged);
  for (const char* no_host : {"0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255"}) {
    const Octets changed = with_mappings(
        octets, [&](SavedMapping& saved) { saved.mapping.internal.address = address(no_host); });
    EXPECT_EQ(error_of(restored(changed)), SnapshotError::damaged) << no_host;
  }
  EXPECT_EQ(error_of(restored(with_number(octets, kNextId, ~std::uint64_t{0}))), SnapshotError::damaged)
      << "no mapping could get a number of its own";
}

TEST(Snapshot, AClockThatTicksCannotSpanIsAnother) {
  TestGateway gateway;
  const Octets octets = gateway.snapshot();
  EXPECT_EQ(error_of(restored(with_number(octets, kEpoch, std::uint64_t{1} << 63))),
            SnapshotError::other_clock);
  TestGateway other;
  other.advance(std::chrono::years(10));
  EXPECT_EQ(error_of(other.engine.restore(octets, other.now())), SnapshotError::other_clock);
}

// A port that was used when it left the ranges rests outside of them, after a restart too.
TEST(Snapshot, APortOutsideOfTheRangesGoesOnResting) {
  TestGateway gateway;
  gateway.from_inside(udp(kIn1, kOut1));
  gateway.change([](Policy& policy) { policy.ports.ranges = {{5000, 5999}}; });
  gateway.pass(seconds(302));
  ASSERT_TRUE(gateway.mappings().empty());
  gateway.restart();
  gateway.change([](Policy& policy) { policy.ports.ranges = plain_policy().ports.ranges; });
  EXPECT_NE(source_of(gateway.from_inside(udp("10.0.0.7:4321", kOut1)).packet).port, 4321);
  EXPECT_EQ(source_of(gateway.from_inside(udp(kIn1, kOut1)).packet).port, 4321);
}

}  // namespace
}  // namespace nat::test
