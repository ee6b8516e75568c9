// What happens when something runs out: C4 to C11 (RFC 6888), I8, NO4, NO8. The newcomer is refused and told;
// no other host notices.
#include <set>

#include <gtest/gtest.h>

#include "tests/support/checksums.h"
#include "tests/support/fragments.h"
#include "tests/support/packet_builder.h"
#include "tests/support/test_gateway.h"
#include "translation/net/wire.h"

namespace nat::test {
namespace {

constexpr auto kOut1 = "192.0.2.31:7000";

Endpoint host(std::uint32_t number, std::uint16_t port = 4321) {
  return {Address((10U << 24) + number), port};
}

// The whole range of one address in use; the next one is refused with an ICMP 3/1 that quotes its
// packet, and all others go on.
// Rows: C11a C11b C11d I8 I10d NO8 C13
TEST(EngineLimits, EveryPortInUse) {
  Policy policy = plain_policy();
  policy.ports.ranges = {{1024, 65535}};
  policy.limits.mappings = 100000;
  policy.limits.hosts = 100000;
  TestGateway gateway(policy);
  constexpr std::uint32_t kPorts = 65536 - 1024;
  for (std::uint32_t i = 0; i < kPorts; ++i) {
    ASSERT_TRUE(gateway
                    .from_inside(
                        udp(host(1 + i / 1000, static_cast<std::uint16_t>(2000 + i % 1000)), endpoint(kOut1)))
                    .forwarded())
        << i;
  }
  EXPECT_EQ(gateway.engine.gauges().pools[0].used, kPorts);
  const Octets refused = udp("10.9.9.9:4000", kOut1).payload("hello").type_of_service(0xb8);
  const Outcome outcome = gateway.from_inside(refused);
  EXPECT_EQ(outcome.reason, Reason::ports_exhausted);
  EXPECT_EQ(outcome.packet, refused);
  ASSERT_FALSE(outcome.reply.empty());
  EXPECT_EQ(source_address_of(outcome.reply), address("10.0.0.254"));
  EXPECT_EQ(destination_address_of(outcome.reply), address("10.9.9.9"));
  EXPECT_EQ(outcome.reply[20], 3);
  EXPECT_EQ(outcome.reply[21], 1);
  EXPECT_EQ(outcome.reply[1], 0xb8);  // I10d
  EXPECT_EQ(quote_of(outcome.reply), refused);
  EXPECT_TRUE(checksums_valid(outcome.reply));
  EXPECT_TRUE(gateway.observed().removed.empty());
  for (std::uint32_t i = 0; i < kPorts; i += 97) {
    ASSERT_TRUE(gateway
                    .from_inside(
                        udp(host(1 + i / 1000, static_cast<std::uint16_t>(2000 + i % 1000)), endpoint(kOut1)))
                    .forwarded());
  }
  // The other protocols have ports of their own.
  EXPECT_TRUE(gateway.from_inside(tcp("10.9.9.9:4000", kOut1, kSyn)).forwarded());
}

// The paired address is full; the host is refused although another address has room.
// Rows: X4
TEST(EngineLimits, APairedAddressInUse) {
  Policy policy = plain_policy();
  policy.external_addresses = {address("203.0.113.11"), address("203.0.113.12")};
  policy.ports.ranges = {{2000, 2009}};
  TestGateway gateway(policy);
  const Address first = source_of(gateway.from_inside(udp(host(1, 3000), endpoint(kOut1))).packet).address;
  for (std::uint16_t port = 3001; port < 3010; ++port) {
    const Outcome outcome = gateway.from_inside(udp(host(1, port), endpoint(kOut1)));
    ASSERT_EQ(source_of(outcome.packet).address, first);
  }
  EXPECT_EQ(gateway.from_inside(udp(host(1, 4000), endpoint(kOut1))).reason, Reason::ports_exhausted);
}

// One external address for everything a host does.
// Rows: U2 C2
TEST(EngineLimits, PairedPooling) {
  Policy policy = plain_policy();
  policy.external_addresses.clear();
  for (std::uint8_t last = 11; last <= 14; ++last) policy.external_addresses.emplace_back(203, 0, 113, last);
  TestGateway gateway(policy);
  std::set<Address> all;
  for (std::uint32_t number = 1; number <= 40; ++number) {
    std::set<Address> seen;
    for (std::uint16_t port = 3000; port < 3020; ++port) {
      seen.insert(source_of(gateway.from_inside(udp(host(number, port), endpoint(kOut1))).packet).address);
      seen.insert(
          source_of(gateway.from_inside(tcp(host(number, port), endpoint(kOut1), kSyn)).packet).address);
      seen.insert(source_address_of(
          gateway.from_inside(echo(host(number).address, address("192.0.2.31"), port)).packet));
    }
    EXPECT_EQ(seen.size(), 1U);
    all.insert(seen.begin(), seen.end());
  }
  EXPECT_EQ(all.size(), 4U);
  // ... and it stays when the pool grows or shrinks elsewhere.
  const Address before = source_of(gateway.from_inside(udp(host(1, 3000), endpoint(kOut1))).packet).address;
  gateway.change([&](Policy& changed) {
    std::erase_if(changed.external_addresses, [&](Address address) { return address != before; });
    changed.external_addresses.emplace_back(203, 0, 113, 20);
    changed.external_addresses.emplace_back(203, 0, 113, 21);
  });
  for (std::uint16_t port = 4000; port < 4020; ++port) {
    EXPECT_EQ(source_of(gateway.from_inside(udp(host(1, port), endpoint(kOut1))).packet).address, before);
  }
}

// Each limit refuses with its own name and stops no other host.
// Rows: C4 C5
TEST(EngineLimits, EachHasItsName) {
  struct Case {
    Reason reason;
    void (*tighten)(Limits&);
  };
  const Case cases[] = {
      {Reason::mapping_limit, [](Limits& l) { l.mappings = 3; }},
      {Reason::host_mapping_limit, [](Limits& l) { l.mappings_per_host = 3; }},
      {Reason::session_limit, [](Limits& l) { l.sessions = 3; }},
      {Reason::host_session_limit, [](Limits& l) { l.sessions_per_host = 3; }},
  };
  for (const Case& c : cases) {
    Policy policy = plain_policy();
    c.tighten(policy.limits);
    TestGateway gateway(policy);
    for (std::uint16_t port = 4000; port < 4003; ++port) {
      ASSERT_TRUE(gateway.from_inside(udp(host(1, port), endpoint(kOut1))).forwarded());
    }
    const Outcome refused = gateway.from_inside(udp(host(1, 4003), endpoint(kOut1)));
    EXPECT_EQ(refused.reason, c.reason);
    EXPECT_FALSE(refused.reply.empty());
    EXPECT_EQ(gateway.mappings().size(), 3U);
    EXPECT_TRUE(gateway.from_inside(udp(host(1, 4000), endpoint(kOut1))).forwarded());
    const bool of_host = c.reason == Reason::host_mapping_limit || c.reason == Reason::host_session_limit;
    EXPECT_EQ(gateway.from_inside(udp(host(2, 4000), endpoint(kOut1))).forwarded(), of_host);
    // Room again as soon as something has run out.
    gateway.pass(seconds(302));
    EXPECT_TRUE(gateway.from_inside(udp(host(1, 4003), endpoint(kOut1))).forwarded());
  }
}

// A host's share is one for all its protocols, identifiers of pings included.
// Rows: C4
TEST(EngineLimits, OneShareForPortsAndIdentifiers) {
  Policy policy = plain_policy();
  policy.limits.mappings_per_host = 3;
  TestGateway gateway(policy);
  EXPECT_TRUE(gateway.from_inside(udp(host(1), endpoint(kOut1))).forwarded());
  EXPECT_TRUE(gateway.from_inside(tcp(host(1), endpoint(kOut1), kSyn)).forwarded());
  EXPECT_TRUE(gateway.from_inside(echo("10.0.0.1", "192.0.2.31", 1)).forwarded());
  EXPECT_EQ(gateway.from_inside(echo("10.0.0.1", "192.0.2.31", 2)).reason, Reason::host_mapping_limit);
  EXPECT_EQ(gateway.from_inside(udp(host(1, 9), endpoint(kOut1))).reason, Reason::host_mapping_limit);
  EXPECT_TRUE(gateway.from_inside(echo("10.0.0.2", "192.0.2.31", 2)).forwarded());
}

// A pool with gaps: all of it is used, and nothing between.
// Rows: C3
TEST(EngineLimits, ThePoolNeedNotBeContiguous) {
  Policy policy = plain_policy();
  policy.external_addresses = {address("203.0.113.11"), address("203.0.113.13"), address("203.0.113.20"),
                               address("203.0.113.21"), address("198.51.100.22")};
  TestGateway gateway(policy);
  std::set<Address> seen;
  for (std::uint32_t number = 1; number <= 200; ++number) {
    seen.insert(source_of(gateway.from_inside(udp(host(number), endpoint(kOut1))).packet).address);
  }
  EXPECT_EQ(seen, std::set<Address>(policy.external_addresses.begin(), policy.external_addresses.end()));
}

TEST(EngineLimits, Hosts) {
  Policy policy = plain_policy();
  policy.limits.hosts = 2;
  TestGateway gateway(policy);
  EXPECT_TRUE(gateway.from_inside(udp(host(1), endpoint(kOut1))).forwarded());
  EXPECT_TRUE(gateway.from_inside(udp(host(2), endpoint(kOut1))).forwarded());
  EXPECT_EQ(gateway.from_inside(udp(host(3), endpoint(kOut1))).reason, Reason::host_limit);
  EXPECT_TRUE(gateway.from_inside(udp(host(1, 5000), endpoint(kOut1))).forwarded());
}

// Sessions of one mapping; those made from outside may take half of them.
// Rows: C5
TEST(EngineLimits, SessionsOfAMapping) {
  Policy policy = plain_policy();
  policy.limits.sessions_per_mapping = 10;
  policy.tcp.filtering = Behavior::endpoint_independent;
  TestGateway gateway(policy);
  gateway.from_inside(tcp(host(1), endpoint(kOut1), kSyn));
  unsigned let_in = 0;
  for (std::uint16_t port = 1; port <= 20; ++port) {
    const Outcome outcome =
        gateway.from_outside(tcp({address("198.51.100.1"), port}, endpoint("203.0.113.11:4321"), kSyn));
    let_in += outcome.forwarded() ? 1 : 0;
  }
  EXPECT_EQ(let_in, 5U);
  for (std::uint16_t port = 1; port <= 4; ++port) {
    ASSERT_TRUE(gateway.from_inside(tcp(host(1), {address("192.0.2.40"), port}, kSyn)).forwarded());
  }
  EXPECT_EQ(gateway.from_inside(tcp(host(1), {address("192.0.2.40"), 5}, kSyn)).reason,
            Reason::mapping_session_limit);
}

// Remotes that were not contacted may have half of what a host may have, over all its mappings, and half of
// the table.
// Rows: C5
TEST(EngineLimits, StrangersShutNobodyOut) {
  struct Case {
    Reason reason;
    void (*tighten)(Limits&);
  };
  const Case cases[] = {{Reason::host_session_limit, [](Limits& l) { l.sessions_per_host = 10; }},
                        {Reason::session_limit, [](Limits& l) { l.sessions = 10; }}};
  for (const Case& c : cases) {
    Policy policy = plain_policy();
    policy.tcp.filtering = Behavior::endpoint_independent;
    c.tighten(policy.limits);
    TestGateway gateway(policy);
    const Endpoint externals[] = {
        source_of(gateway.from_inside(tcp(host(1, 4000), endpoint(kOut1), kSyn)).packet),
        source_of(gateway.from_inside(tcp(host(1, 4001), endpoint(kOut1), kSyn)).packet)};
    const auto let_in = [&](std::uint16_t first) {
      unsigned count = 0;
      for (std::uint16_t port = first; port < first + 20; ++port) {
        const Outcome outcome =
            gateway.from_outside(tcp({address("198.51.100.1"), port}, externals[port % 2], kSyn));
        count += outcome.forwarded() ? 1 : 0;
        EXPECT_EQ(outcome.reason, outcome.forwarded() ? Reason::translated : c.reason);
      }
      return count;
    };
    EXPECT_EQ(let_in(100), 5U);
    // One that the host answers is its own, and leaves room for another.
    ASSERT_TRUE(
        gateway.from_inside(tcp(host(1, 4000), {address("198.51.100.1"), 100}, kSyn | kAck)).forwarded());
    EXPECT_EQ(let_in(200), 1U);
    for (std::uint16_t port = 4002; port < 4004; ++port) {
      EXPECT_TRUE(gateway.from_inside(tcp(host(1, port), endpoint(kOut1), kSyn)).forwarded()) << port;
    }
    EXPECT_EQ(gateway.from_inside(tcp(host(1, 4004), endpoint(kOut1), kSyn)).reason, c.reason);
    // What they had is given back with the mapping, and by time.
    std::uint64_t cursor = 0;
    gateway.engine.flush(
        cursor, 1000, [&](const MappingView& m) { return m.external == externals[0]; }, gateway.now());
    gateway.pass(seconds(241));
    EXPECT_EQ(gateway.engine.gauges().sessions, 0U);
    const Endpoint again = source_of(gateway.from_inside(tcp(host(1, 4000), endpoint(kOut1), kSyn)).packet);
    unsigned count = 0;
    for (std::uint16_t port = 300; port < 320; ++port) {
      count += gateway.from_outside(tcp({address("198.51.100.1"), port}, again, kSyn)).forwarded() ? 1 : 0;
    }
    EXPECT_EQ(count, 5U);
  }
}

// What is closing holds its port, and not for its own remote alone.
TEST(EngineLimits, AClosingConnectionSharesItsPortWithOneToAnotherRemote) {
  Policy policy = plain_policy();
  policy.ports.ranges = {{4321, 4321}};
  TestGateway gateway(policy);
  const Endpoint external = source_of(gateway.from_inside(tcp(host(1), endpoint(kOut1), kSyn)).packet);
  gateway.from_outside(tcp(endpoint(kOut1), external, kSyn | kAck));
  gateway.from_inside(tcp(host(1), endpoint(kOut1), kFin | kAck));
  gateway.from_outside(tcp(endpoint(kOut1), external, kFin | kAck));
  const Outcome next = gateway.from_inside(tcp(host(1), {address("192.0.2.32"), 7000}, kSyn));
  EXPECT_TRUE(next.forwarded());
  EXPECT_EQ(source_of(next.packet), external);
  EXPECT_EQ(gateway.from_inside(tcp(host(1, 4322), endpoint(kOut1), kSyn)).reason, Reason::ports_exhausted);
}

// Dormant remotes give way to new sessions, the oldest first.
TEST(EngineLimits, RememberedRemotesGiveWay) {
  Policy policy = plain_policy();
  policy.limits.sessions_per_mapping = 5;
  TestGateway gateway(policy);
  const auto speak = [&](std::uint8_t last) {
    return gateway.from_inside(udp(host(1), {Address(192, 0, 2, last), 7})).forwarded();
  };
  const auto hear = [&](std::uint8_t last) {
    return gateway.from_outside(udp({Address(192, 0, 2, last), 7}, endpoint("203.0.113.11:4321"))).reason;
  };
  for (std::uint8_t last = 1; last <= 4; ++last) {
    ASSERT_TRUE(speak(last));
    gateway.pass(seconds(2));
  }
  gateway.pass(seconds(290));
  ASSERT_TRUE(speak(100));
  gateway.pass(seconds(20));
  EXPECT_EQ(gateway.engine.gauges().dormant, 4U);
  ASSERT_TRUE(speak(101));
  EXPECT_EQ(gateway.engine.gauges().dormant, 3U);
  EXPECT_EQ(hear(1), Reason::filtered_by_address);
  EXPECT_EQ(hear(2), Reason::translated);
}

TEST(EngineLimits, TheWholeTableFullOfMemories) {
  Policy policy = plain_policy();
  policy.limits.sessions = 4;
  TestGateway gateway(policy);
  for (std::uint8_t last = 1; last <= 3; ++last) {
    gateway.from_inside(udp(host(1), {Address(192, 0, 2, last), 7}));
    gateway.pass(seconds(2));
  }
  gateway.pass(seconds(296));
  gateway.from_inside(udp(host(1), {Address(192, 0, 2, 3), 7}));
  gateway.pass(seconds(10));
  EXPECT_EQ(gateway.engine.gauges().dormant, 2U);
  for (std::uint8_t last = 10; last <= 12; ++last) {
    EXPECT_TRUE(gateway.from_inside(udp(host(2), {Address(192, 0, 2, last), 7})).forwarded());
  }
  EXPECT_EQ(gateway.engine.gauges().dormant, 0U);
  EXPECT_EQ(gateway.from_inside(udp(host(2), {Address(192, 0, 2, 13), 7})).reason, Reason::session_limit);
}

// New mappings a second.
// Rows: C4c
TEST(EngineLimits, CreationRate) {
  Policy policy = plain_policy();
  policy.limits.mapping_rate_per_host = 10;
  TestGateway gateway(policy);
  const auto burst = [&](std::uint32_t number, std::uint16_t from) {
    unsigned made = 0;
    for (std::uint16_t port = from; port < from + 100; ++port) {
      made += gateway.from_inside(udp(host(number, port), endpoint(kOut1))).forwarded() ? 1 : 0;
    }
    return made;
  };
  EXPECT_EQ(burst(1, 2000), 10U);
  EXPECT_EQ(burst(2, 2000), 10U);
  gateway.advance(milliseconds(500));
  EXPECT_EQ(burst(1, 3000), 5U);
  EXPECT_GT(gateway.count(Reason::creation_rate), 0U);
}

// A host has its second's worth from the start, whatever rate its first mapping was under, and a mapping that
// could not be made costs nothing.
// Rows: C4c
TEST(EngineLimits, CreationRateCountsWhatWasMade) {
  Policy policy = plain_policy();
  HostRule echoes;
  echoes.protocol = Protocol::icmp;
  echoes.profile = policy;
  policy.host_rules = {echoes};
  policy.limits.mapping_rate_per_host = 2;
  policy.ports.ranges = {{2000, 2000}};
  TestGateway gateway(policy);
  ASSERT_TRUE(gateway.from_inside(echo("10.0.0.1", "192.0.2.31", 2000)).forwarded());
  EXPECT_TRUE(gateway.from_inside(tcp("10.0.0.1:2000", kOut1, kSyn)).forwarded());
  gateway.host.sockets.insert({Protocol::udp, 2000});
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(gateway.from_inside(udp("10.0.0.1:2000", kOut1)).reason, Reason::ports_exhausted);
  }
  gateway.host.sockets.clear();
  EXPECT_TRUE(gateway.from_inside(udp("10.0.0.1:2000", kOut1)).forwarded());
}

// A freed UDP port is in quarantine for two minutes before another host gets it; its owner may come back.
// Rows: C8
TEST(EngineLimits, PortsRest) {
  TestGateway gateway;
  gateway.from_inside(udp(host(1), endpoint(kOut1)));
  gateway.pass(seconds(302));
  EXPECT_EQ(gateway.engine.gauges().pools[0].quarantined, 1U);
  gateway.pass(seconds(119));
  EXPECT_NE(source_of(gateway.from_inside(udp(host(2), endpoint(kOut1))).packet).port, 4321);
  EXPECT_EQ(source_of(gateway.from_inside(udp(host(1), endpoint(kOut1))).packet).port, 4321);
  gateway.pass(seconds(302));
  gateway.pass(seconds(121));
  EXPECT_EQ(source_of(gateway.from_inside(udp(host(3), endpoint(kOut1))).packet).port, 4321);
}

// The class of a mapping is the same under full load.
// Rows: U11 NO4
TEST(EngineLimits, NoClassChangesUnderLoad) {
  Policy policy = plain_policy();
  policy.ports.ranges = {{2000, 2099}};
  TestGateway gateway(policy);
  for (std::uint32_t number = 1; number <= 100; ++number) {
    const Endpoint internal = host(number);
    const Endpoint external = source_of(gateway.from_inside(udp(internal, endpoint(kOut1))).packet);
    EXPECT_EQ(source_of(gateway.from_inside(udp(internal, endpoint("192.0.2.32:9"))).packet), external);
    EXPECT_TRUE(gateway.from_outside(udp(endpoint("192.0.2.32:10"), external)).forwarded());
    EXPECT_EQ(gateway.from_outside(udp(endpoint("192.0.2.33:9"), external)).reason,
              Reason::filtered_by_address);
  }
  EXPECT_EQ(gateway.from_inside(udp(host(101), endpoint(kOut1))).reason, Reason::ports_exhausted);
}

// Nothing is said about errors, strange sources and later fragments, and not too much about the
// rest.
// Rows: I10e I10f
TEST(EngineLimits, RepliesAreFewAndProper) {
  Policy policy = plain_policy();
  policy.external_addresses.clear();
  TestGateway gateway(policy);
  EXPECT_TRUE(gateway.from_inside(udp(host(1), endpoint("255.255.255.255:1"))).reply.empty());
  EXPECT_TRUE(gateway.from_inside(udp(host(1), endpoint("224.0.0.5:1"))).reply.empty());
  EXPECT_TRUE(gateway.from_outside(udp(kOut1, "203.0.113.11:1")).reply.empty());
  const Octets about = udp("192.0.2.31:1", "10.0.0.1:2");
  EXPECT_TRUE(gateway.from_inside(icmp_error("10.0.0.1", "192.0.2.31", 3, 3, about)).reply.empty());
  unsigned replies = 0;
  for (int i = 0; i < 10000; ++i) {
    const Outcome outcome = gateway.from_inside(udp(host(1), endpoint(kOut1)).payload(Octets(1400)));
    ASSERT_EQ(outcome.reason, Reason::no_external_address);
    replies += outcome.reply.empty() ? 0 : 1;
    ASSERT_LE(outcome.reply.size(), 576U);
  }
  EXPECT_EQ(replies, 50U);
  EXPECT_EQ(gateway.engine.counters().icmp_errors_made, 50U);
  EXPECT_EQ(gateway.engine.counters().icmp_errors_suppressed, 9950U);
  gateway.advance(seconds(1));
  EXPECT_FALSE(gateway.from_inside(udp(host(1), endpoint(kOut1))).reply.empty());
}

// A rate of none is none, the first ones included.
// Rows: I9
TEST(EngineLimits, RepliesMayBeSwitchedOff) {
  Policy policy = plain_policy();
  policy.external_addresses.clear();
  policy.limits.icmp_rate = 0;
  TestGateway gateway(policy);
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(gateway.from_inside(udp(host(1), endpoint(kOut1))).reply.empty());
    gateway.advance(seconds(1));
  }
  EXPECT_EQ(gateway.engine.counters().icmp_errors_made, 0U);
}

// No room for any of these; only the ordinary one gets an error.
// Rows: I10e
TEST(EngineLimits, WhatMustNotBeAnswered) {
  Policy policy = plain_policy();
  policy.external_addresses.clear();
  TestGateway gateway(policy);
  const auto confirmed = [&](const Octets& packet) { return !gateway.from_inside(packet).reply.empty(); };
  const Octets ordinary = udp(host(1), endpoint(kOut1)).payload(Octets(3000));
  EXPECT_TRUE(confirmed(ordinary));
  EXPECT_TRUE(confirmed(cut(ordinary, 1480)[0]));
  EXPECT_FALSE(confirmed(cut(ordinary, 1480)[1]));
  for (const char* source : {"0.0.0.0:1", "255.255.255.255:1", "127.0.0.1:1", "224.0.0.1:1"}) {
    EXPECT_FALSE(confirmed(udp(source, kOut1))) << source;
  }
  for (const char* destination : {"255.255.255.255:1", "224.0.0.5:1"}) {
    EXPECT_FALSE(confirmed(udp("10.0.0.1:1", destination))) << destination;
  }
  for (const std::uint8_t type : {std::uint8_t{3}, std::uint8_t{11}, std::uint8_t{12}}) {
    EXPECT_FALSE(confirmed(icmp_error("10.0.0.1", "192.0.2.31", type, 0, udp("192.0.2.31:1", "10.0.0.1:2"))));
  }
  Octets broken = ordinary;
  broken[3] = 0xff;  // longer than it is
  EXPECT_FALSE(confirmed(broken));
  Octets stump = udp(host(1), endpoint(kOut1));
  stump.resize(15);
  EXPECT_FALSE(confirmed(stump));
}

// Expiry in bounded steps, whatever has piled up.
TEST(EngineLimits, ExpiryInSteps) {
  TestGateway gateway;
  for (std::uint16_t port = 2000; port < 12000; ++port) {
    ASSERT_TRUE(gateway.from_inside(udp(host(1 + port % 50U, port), endpoint(kOut1))).forwarded());
  }
  gateway.advance(seconds(302));
  unsigned steps = 0;
  std::size_t removed = 0;
  while (gateway.engine.expire(gateway.now(), 100) <= gateway.now()) {
    ++steps;
    ASSERT_LE(gateway.observed().removed.size() - removed, 100U);
    removed = gateway.observed().removed.size();
  }
  EXPECT_GE(steps, 99U);
  EXPECT_EQ(gateway.observed().removed.size(), 10000U);
  EXPECT_EQ(gateway.engine.gauges().hosts, 0U);
}

}  // namespace
}  // namespace nat::test
