// Fragmented datagrams through the whole engine: the FR rows, U14 and U14a.
#include "translation/protocols/fragments.h"

#include <algorithm>
#include <functional>
#include <type_traits>

#include <gtest/gtest.h>

#include "tests/support/checksums.h"
#include "tests/support/fragments.h"
#include "tests/support/packet_builder.h"
#include "tests/support/test_gateway.h"
#include "translation/net/wire.h"

namespace nat::test {
namespace {

constexpr auto kIn1 = "10.0.0.1:4321";
constexpr auto kOut1 = "192.0.2.31:7000";
constexpr auto kExternal = "203.0.113.11:4321";

Octets data(std::size_t length) {
  Octets octets(length);
  for (std::size_t i = 0; i < length; ++i) octets[i] = static_cast<std::uint8_t>(i * 7);
  return octets;
}

// What gets through of fragments sent in that order, those let go included.
std::vector<Octets> send(TestGateway& gateway, Realm in, const std::vector<Octets>& pieces) {
  std::vector<Octets> through;
  for (const Octets& piece : pieces) {
    const Outcome outcome = gateway.translate(piece, in);
    if (outcome.forwarded()) through.push_back(outcome.packet);
    for (const auto& [token, released] : gateway.released()) {
      if (released.forwarded()) through.push_back(released.packet);
    }
  }
  return through;
}

// All six orders of three fragments, both directions.
// Rows: U14 FR1
TEST(Fragments, EveryOrderBothWays) {
  std::vector<std::size_t> order{0, 1, 2};
  std::uint16_t identification = 100;
  do {
    TestGateway gateway;
    gateway.from_inside(udp(kIn1, kOut1));
    ++identification;
    const auto arrange = [&](const Octets& datagram) {
      const auto pieces = cut(datagram, 1480);
      EXPECT_EQ(pieces.size(), 3U);
      return std::vector<Octets>{pieces[order[0]], pieces[order[1]], pieces[order[2]]};
    };
    const Octets out = udp(kIn1, kOut1).payload(data(3500)).identification(identification).may_fragment();
    const auto left = join(send(gateway, Realm::internal, arrange(out)));
    ASSERT_TRUE(left);
    EXPECT_EQ(*left, udp(kExternal, kOut1)
                         .payload(data(3500))
                         .identification(identification_of(*left))
                         .may_fragment()
                         .build());
    const Octets in = udp(kOut1, kExternal).payload(data(3500)).identification(identification).may_fragment();
    const auto arrived = join(send(gateway, Realm::external, arrange(in)));
    ASSERT_TRUE(arrived);
    EXPECT_EQ(*arrived,
              udp(kOut1, kIn1).payload(data(3500)).identification(identification).may_fragment().build());
    EXPECT_EQ(gateway.engine.gauges().held_fragments, 0U);
  } while (std::next_permutation(order.begin(), order.end()));
}

// Two hosts use the same identification towards one destination at once.
// Rows: FR2 ID3
TEST(Fragments, EqualIdentificationsOfTwoHostsDoNotMix) {
  TestGateway gateway;
  const auto first = cut(udp("10.0.0.1:4000", kOut1).payload(data(3000)).identification(7), 1480);
  const auto second = cut(udp("10.0.0.2:4001", kOut1).payload(data(2000)).identification(7), 1480);
  const auto through = send(gateway, Realm::internal, {first[0], second[0], first[1], second[1], first[2]});
  ASSERT_EQ(through.size(), 5U);
  const auto one = join({through[0], through[2], through[4]});
  const auto two = join({through[1], through[3]});
  ASSERT_TRUE(one);
  ASSERT_TRUE(two);
  EXPECT_NE(identification_of(*one), identification_of(*two));
  EXPECT_EQ(payload_of(*one), data(3000));
  EXPECT_EQ(payload_of(*two), data(2000));
  EXPECT_TRUE(checksums_valid(*one));
  EXPECT_TRUE(checksums_valid(*two));
}

// The first fragment decides, the rest inherit.
// Rows: FR3
TEST(Fragments, TheRestOfARefusedDatagramIsRefused) {
  TestGateway gateway;
  const auto pieces = cut(udp(kOut1, kExternal).payload(data(3000)), 1480);
  EXPECT_EQ(gateway.from_outside(pieces[1], 5).reason, Reason::fragment_held);
  EXPECT_EQ(gateway.from_outside(pieces[0]).reason, Reason::no_mapping);
  const auto released = gateway.released();
  ASSERT_EQ(released.size(), 1U);
  EXPECT_EQ(released[0].first, 5U);
  EXPECT_EQ(released[0].second.reason, Reason::fragment_of_refused);
  const Outcome last = gateway.from_outside(pieces[2]);
  EXPECT_EQ(last.reason, Reason::fragment_of_refused);
  EXPECT_TRUE(last.reply.empty());
}

TEST(Fragments, Hairpinned) {
  TestGateway gateway;
  gateway.from_inside(udp("10.0.0.2:5000", kOut1));
  auto pieces = cut(udp(kIn1, "203.0.113.11:5000").payload(data(3000)), 1480);
  std::swap(pieces[0], pieces[2]);
  const auto whole = join(send(gateway, Realm::internal, pieces));
  ASSERT_TRUE(whole);
  EXPECT_EQ(source_of(*whole), endpoint(kExternal));
  EXPECT_EQ(destination_of(*whole), endpoint("10.0.0.2:5000"));
  EXPECT_TRUE(checksums_valid(*whole));
}

// Rows: FR6
TEST(Fragments, WithoutUdpChecksum) {
  TestGateway gateway;
  const auto whole =
      join(send(gateway, Realm::internal, cut(udp(kIn1, kOut1).payload(data(3000)).no_checksum(), 1480)));
  ASSERT_TRUE(whole);
  EXPECT_EQ(load16(whole->data() + 26), 0);
  EXPECT_EQ(payload_of(*whole), data(3000));
}

// Queries pass, errors in fragments are dropped and counted.
// Rows: FR7
TEST(Fragments, OfIcmp) {
  TestGateway gateway;
  const auto whole = join(
      send(gateway, Realm::internal, cut(echo("10.0.0.1", "192.0.2.31", 7777).payload(data(3000)), 1480)));
  ASSERT_TRUE(whole);
  EXPECT_TRUE(checksums_valid(*whole));
  const Octets about = udp(kExternal, kOut1).payload(data(600));
  const auto error = cut(icmp_error("192.0.2.31", "203.0.113.11", 3, 3, about), 304);
  EXPECT_EQ(gateway.from_outside(error[0]).reason, Reason::icmp_fragmented);
  EXPECT_EQ(gateway.from_outside(error[1]).reason, Reason::fragment_of_refused);
}

// Overlaps and fragments that begin inside a header.
// Rows: FR4
TEST(Fragments, OverlapsAreRefused) {
  TestGateway gateway;
  const auto pieces = cut(udp(kIn1, kOut1).payload(data(3000)), 1480);
  const auto finer = cut(udp(kIn1, kOut1).payload(data(3000)), 800);
  EXPECT_TRUE(gateway.from_inside(pieces[0]).forwarded());
  EXPECT_EQ(gateway.from_inside(pieces[0]).reason, Reason::fragment_overlap);
  EXPECT_EQ(gateway.from_inside(finer[1]).reason, Reason::fragment_overlap);  // 800 to 1600
  EXPECT_TRUE(gateway.from_inside(pieces[1]).forwarded());
  EXPECT_TRUE(gateway.from_inside(pieces[2]).forwarded());
}

// Rows: FR4
TEST(Fragments, InsideATcpHeaderAreRefused) {
  TestGateway gateway;
  const auto pieces = cut(tcp(kIn1, kOut1, kSyn).payload(data(100)), 8);
  EXPECT_EQ(gateway.from_inside(pieces[0]).reason, Reason::fragment_tiny);
  EXPECT_EQ(gateway.from_inside(pieces[1]).reason, Reason::fragment_tiny);
  EXPECT_EQ(gateway.from_inside(pieces[2]).reason, Reason::fragment_tiny);
  EXPECT_EQ(gateway.from_inside(pieces[3]).reason, Reason::fragment_held);
}

// At least two seconds for the first fragment, then everything is given up.
// Rows: FR1
TEST(Fragments, WaitTwoSecondsForTheFirst) {
  TestGateway gateway;
  gateway.from_inside(udp(kIn1, kOut1));
  const auto pieces = cut(udp(kOut1, kExternal).payload(data(3000)), 1480);
  gateway.from_outside(pieces[1], 1);
  gateway.pass(milliseconds(1900));
  EXPECT_TRUE(gateway.released().empty());
  EXPECT_EQ(gateway.engine.gauges().held_fragments, 1U);
  gateway.pass(milliseconds(200));
  const auto released = gateway.released();
  ASSERT_EQ(released.size(), 1U);
  EXPECT_EQ(released[0].second.reason, Reason::fragment_timeout);
  EXPECT_EQ(gateway.engine.gauges().held_bytes, 0U);
  // Too late for that one, in time for what follows.
  EXPECT_TRUE(gateway.from_outside(pieces[0]).forwarded());
}

TEST(Fragments, ADecisionIsKeptThirtySeconds) {
  TestGateway gateway;
  const auto pieces = cut(udp(kIn1, kOut1).payload(data(4000)), 1480);
  EXPECT_TRUE(gateway.from_inside(pieces[0]).forwarded());
  gateway.pass(seconds(29));
  EXPECT_TRUE(gateway.from_inside(pieces[1]).forwarded());
  gateway.pass(seconds(2));
  EXPECT_EQ(gateway.from_inside(pieces[2]).reason, Reason::fragment_held);
}

// What came before keeps its time, and no fragment waits for it.
// Rows: FR1
TEST(Fragments, AShorterWaitHoldsForWhatComesNext) {
  TestGateway gateway;
  gateway.from_inside(udp(kIn1, kOut1));
  const auto wait_of = [&](Duration wait) {
    gateway.change([&](Policy& policy) { policy.timeouts.fragment_wait = wait; });
  };
  const auto hold = [&](std::uint16_t id) {
    gateway.from_outside(cut(udp(kOut1, kExternal).payload(data(3000)).identification(id), 1480)[1], id);
  };
  wait_of(seconds(10));
  hold(1);
  wait_of(seconds(2));
  hold(2);
  gateway.pass(milliseconds(2001));
  const auto first = gateway.released();
  ASSERT_EQ(first.size(), 1U);
  EXPECT_EQ(first[0].first, 2U);
  EXPECT_EQ(first[0].second.reason, Reason::fragment_timeout);
  gateway.pass(milliseconds(7998));
  EXPECT_TRUE(gateway.released().empty());
  gateway.pass(milliseconds(2));
  EXPECT_EQ(gateway.released().size(), 1U);
}

TEST(Fragments, AShorterLifetimeHoldsForWhatIsDecidedNext) {
  TestGateway gateway;
  const auto pass_first = [&](std::uint16_t id, Duration lifetime) {
    gateway.change([&](Policy& policy) { policy.timeouts.fragment_lifetime = lifetime; });
    const auto pieces = cut(udp(kIn1, kOut1).payload(data(3000)).identification(id), 1480);
    EXPECT_TRUE(gateway.from_inside(pieces[0]).forwarded());
  };
  pass_first(1, seconds(30));
  pass_first(2, seconds(5));
  gateway.pass(milliseconds(5001));
  EXPECT_EQ(gateway.engine.gauges().datagrams, 1U);
  gateway.pass(seconds(25));
  EXPECT_EQ(gateway.engine.gauges().datagrams, 0U);
}

TEST(Fragments, ExpiringIsDoneInSteps) {
  TestGateway gateway;
  for (std::uint16_t id = 0; id < 100; ++id) {
    const Address source(192, 0, 2, static_cast<std::uint8_t>(id));
    gateway.from_outside(
        cut(udp({source, 1}, endpoint(kExternal)).payload(data(32)).identification(id), 16)[1]);
  }
  gateway.advance(seconds(3));
  EXPECT_EQ(gateway.engine.expire(gateway.now(), 30), gateway.now());
  EXPECT_EQ(gateway.engine.gauges().datagrams, 70U);
  gateway.sweep();
  EXPECT_EQ(gateway.engine.gauges().datagrams, 0U);
}

// A hundred thousand orphans of many sources; memory stays bounded and others are not disturbed.
// Rows: U14a FR4
TEST(Fragments, AFloodDisturbsNobody) {
  TestGateway gateway;
  gateway.from_inside(udp(kIn1, kOut1));
  SeededRandom random(9);
  const Limits limits = gateway.engine.policy().limits;
  for (int i = 0; i < 100000; ++i) {
    const Address source(random.below(0x10000) | 0xc6330000);
    const Octets orphan = udp({source, 1}, endpoint(kExternal))
                              .payload(data(1480))
                              .identification(static_cast<std::uint16_t>(random.next()));
    gateway.from_outside(cut(orphan, 8)[1 + random.below(100)]);
    gateway.released();
    ASSERT_LE(gateway.engine.gauges().datagrams, limits.fragments);
    ASSERT_LE(gateway.engine.gauges().held_bytes, limits.fragment_bytes);
    if (i % 1000 == 0) {
      ASSERT_TRUE(gateway.from_outside(udp(kOut1, kExternal)).forwarded());
      const auto ordered =
          cut(udp(kOut1, kExternal).payload(data(3000)).identification(static_cast<std::uint16_t>(i / 1000)),
              1480);
      ASSERT_EQ(send(gateway, Realm::external, ordered).size(), 3U);
    }
    if (i % 5000 == 0) gateway.pass(seconds(1));
  }
}

// One source floods: what another one has waiting stays.
// Rows: U14a
TEST(Fragments, AFloodOfOneSourcePushesOutItsOwn) {
  TestGateway gateway;
  gateway.from_inside(udp(kIn1, kOut1));
  const auto waiting = cut(udp(kOut1, kExternal).payload(data(3000)).identification(9), 1480);
  ASSERT_EQ(gateway.from_outside(waiting[1]).reason, Reason::fragment_held);
  for (std::uint32_t i = 0; i < 20000; ++i) {
    const Octets orphan = udp("198.51.100.9:1", kExternal)
                              .payload(data(1480))
                              .identification(static_cast<std::uint16_t>(i % 300));
    gateway.from_outside(cut(orphan, 1000)[1]);
    gateway.released();
  }
  EXPECT_LE(gateway.engine.gauges().datagrams, 1024U / 4 + 1);
  EXPECT_EQ(send(gateway, Realm::external, {waiting[0]}).size(), 2U);
}

// ... and so do its octets.
// Rows: FR4
TEST(Fragments, OneSourceHasAQuarterOfTheOctets) {
  Policy policy = plain_policy();
  policy.limits.fragment_bytes = 400000;
  TestGateway gateway(policy);
  gateway.from_inside(udp(kIn1, kOut1));
  const auto flood = [&](const char* source) {
    for (std::uint16_t id = 0; id < 200; ++id) {
      gateway.from_outside(cut(udp(source, kExternal).payload(data(3000)).identification(id), 1480)[1]);
      gateway.released();
    }
  };
  flood("198.51.100.9:1");
  EXPECT_LE(gateway.engine.gauges().held_bytes, 100000U);
  EXPECT_GT(gateway.engine.gauges().held_bytes, 90000U);
  const auto waiting = cut(udp(kOut1, kExternal).payload(data(3000)).identification(9), 1480);
  ASSERT_EQ(gateway.from_outside(waiting[1]).reason, Reason::fragment_held);
  EXPECT_EQ(send(gateway, Realm::external, {waiting[0]}).size(), 2U);
  // Together they may fill everything, and the oldest go first.
  for (const char* source : {"198.51.100.1:1", "198.51.100.2:1", "198.51.100.3:1", "198.51.100.4:1"})
    flood(source);
  EXPECT_LE(gateway.engine.gauges().held_bytes, 400000U);
  ASSERT_EQ(
      gateway.from_outside(cut(udp(kOut1, kExternal).payload(data(3000)).identification(10), 1480)[1]).reason,
      Reason::fragment_held);
}

TEST(Fragments, TooManyPiecesOfOneDatagram) {
  TestGateway gateway;
  const auto pieces = cut(udp(kIn1, kOut1).payload(data(3000)), 8);
  ASSERT_GT(pieces.size(), 200U);
  unsigned limited = 0;
  for (const Octets& piece : pieces)
    limited += gateway.from_inside(piece).reason == Reason::fragment_limit ? 1 : 0;
  EXPECT_GT(limited, 0U);
}

// RFC 791: a complete datagram's identification is free. It returns at once, in every order.
// Rows: U14 FR1
TEST(Fragments, AnIdentificationReturnsOnceItsDatagramIsComplete) {
  TestGateway gateway;
  gateway.from_inside(udp(kIn1, kOut1));
  const auto pieces = cut(udp(kOut1, kExternal).payload(data(3500)).identification(7), 1480);
  std::vector<std::size_t> order{0, 1, 2};
  do {
    const auto whole =
        join(send(gateway, Realm::external, {pieces[order[0]], pieces[order[1]], pieces[order[2]]}));
    ASSERT_TRUE(whole) << order[0] << order[1] << order[2];
    EXPECT_EQ(payload_of(*whole), data(3500));
    EXPECT_EQ(gateway.engine.gauges().datagrams, 0U);
  } while (std::next_permutation(order.begin(), order.end()));
}

// What comes of a complete datagram again waits for a first fragment of its own, and follows no other.
// Rows: FR4
TEST(Fragments, ACompleteDatagramOpensNothing) {
  TestGateway gateway;
  gateway.from_inside(udp(kIn1, kOut1));
  const auto pieces = cut(udp(kOut1, kExternal).payload(data(3000)).identification(7), 1480);
  const auto finer = cut(udp(kOut1, kExternal).payload(data(3000)).identification(7), 800);
  ASSERT_EQ(send(gateway, Realm::external, pieces).size(), 3U);
  EXPECT_EQ(gateway.from_outside(pieces[1]).reason, Reason::fragment_held);
  EXPECT_EQ(gateway.from_outside(finer[2]).reason, Reason::fragment_overlap) << "of the one that waits";
  gateway.pass(milliseconds(2001));
  ASSERT_EQ(gateway.released().size(), 1U);

  std::uint64_t cursor = 0;
  const auto flushed = gateway.engine.flush(
      cursor, 100, [](const MappingView&) { return true; }, gateway.now());
  ASSERT_EQ(flushed.mappings, 1U);
  EXPECT_EQ(gateway.from_outside(finer[2], 9).reason, Reason::fragment_held);
  EXPECT_EQ(gateway.from_outside(pieces[0]).reason, Reason::no_mapping) << "a first fragment is judged";
  const auto released = gateway.released();
  ASSERT_EQ(released.size(), 1U);
  EXPECT_EQ(released[0].second.reason, Reason::fragment_of_refused);
}

// Rows: FR4
TEST(Fragments, BeyondTheEndAreRefused) {
  TestGateway gateway;
  const auto pieces = cut(udp(kIn1, kOut1).payload(data(3000)).identification(7), 1000);
  const auto longer = cut(udp(kIn1, kOut1).payload(data(5000)).identification(7), 1000);
  const auto shorter = cut(udp(kIn1, kOut1).payload(data(1500)).identification(7), 1000);
  ASSERT_EQ(pieces.size(), 4U);
  EXPECT_TRUE(gateway.from_inside(pieces[0]).forwarded());
  EXPECT_TRUE(gateway.from_inside(pieces[2]).forwarded());
  EXPECT_EQ(gateway.from_inside(shorter[1]).reason, Reason::fragment_overlap)
      << "an end before what was seen";
  EXPECT_TRUE(gateway.from_inside(pieces[3]).forwarded());
  EXPECT_EQ(gateway.from_inside(longer[4]).reason, Reason::fragment_overlap);
  EXPECT_TRUE(gateway.from_inside(pieces[1]).forwarded());
}

// A neighbour's datagrams, all in order, and many that stay incomplete: neither takes the place of others
// that wait.
// Rows: U14 U14a
TEST(Fragments, TheWaitingOutliveWhatIsDecided) {
  TestGateway gateway;
  gateway.from_inside(udp(kIn1, kOut1));
  std::vector<std::vector<Octets>> waiting;
  for (std::uint16_t id = 0; id < 60; ++id) {
    waiting.push_back(cut(udp(kOut1, kExternal).payload(data(2000)).identification(id), 1480));
    ASSERT_EQ(gateway.from_outside(waiting.back()[1]).reason, Reason::fragment_held);
  }
  for (std::uint16_t id = 0; id < 5000; ++id) {
    const auto neighbour = cut(udp("10.0.0.2:5000", kOut1).payload(data(2000)).identification(id), 1480);
    ASSERT_TRUE(gateway.from_inside(neighbour[0]).forwarded());
    if (id % 2 == 0) {
      ASSERT_TRUE(gateway.from_inside(neighbour[1]).forwarded());
    }
  }
  for (const auto& pieces : waiting) {
    EXPECT_EQ(send(gateway, Realm::external, {pieces[0]}).size(), 2U);
  }
}

// ... since one source has a quarter of the places, whether its datagrams wait or not.
// Rows: FR4
TEST(Fragments, OneSourceHasAQuarterOfThePlaces) {
  TestGateway gateway;
  for (std::uint16_t id = 0; id < 1000; ++id) {
    gateway.from_inside(cut(udp(kIn1, kOut1).payload(data(2000)).identification(id), 1480)[id % 2]);
  }
  EXPECT_EQ(gateway.engine.gauges().datagrams, 1024U / 4);
}

// A fragment without its first one, of the least size.
Octets tiny_orphan(Address source, std::uint16_t identification) {
  return cut(udp({source, 1}, endpoint(kExternal)).payload(data(24)).identification(identification), 8)[2];
}

// Sixteen sources send the smallest fragments there are: what others have waiting stays.
// Rows: U14a FR4
TEST(Fragments, TinyFragmentsOfAFewDisturbNobody) {
  TestGateway gateway;
  gateway.from_inside(udp(kIn1, kOut1));
  const Limits limits = gateway.engine.policy().limits;
  std::vector<std::vector<Octets>> waiting;
  for (std::uint16_t id = 0; id < 8; ++id) {
    waiting.push_back(cut(udp(kOut1, kExternal).payload(data(2000)).identification(id), 1480));
    ASSERT_EQ(gateway.from_outside(waiting.back()[1]).reason, Reason::fragment_held);
  }
  for (std::uint32_t i = 0; i < 100000; ++i) {
    const Address source(198, 51, 100, static_cast<std::uint8_t>(i % 16));
    const Octets orphan = tiny_orphan(source, static_cast<std::uint16_t>(i / 16));
    ASSERT_EQ(orphan.size(), 28U);
    ASSERT_EQ(gateway.from_outside(orphan).reason, Reason::fragment_held);
    gateway.released();
    ASSERT_LE(gateway.engine.gauges().held_fragments, limits.held_fragments);
  }
  for (const auto& pieces : waiting) {
    EXPECT_EQ(send(gateway, Realm::external, {pieces[0]}).size(), 2U);
  }
}

// Rows: FR4
TEST(Fragments, OneSourceHasAQuarterOfThoseHeld) {
  TestGateway gateway;
  for (std::uint16_t id = 0; id < 1000; ++id) gateway.from_outside(tiny_orphan(Address(198, 51, 100, 9), id));
  EXPECT_EQ(gateway.engine.gauges().held_fragments, 512U / 4);
  EXPECT_EQ(gateway.engine.gauges().held_bytes, 512U / 4 * (28 + 256)) << "with what it takes to hold them";
}

// Rows: FR4
TEST(Fragments, ExpiringCountsTheFragmentsOfADatagram) {
  TestGateway gateway;
  const auto pieces = cut(udp(kOut1, kExternal).payload(data(800)), 8);
  for (std::size_t i = 1; i <= 100; ++i) {
    ASSERT_EQ(gateway.from_outside(pieces[i]).reason, Reason::fragment_held);
  }
  gateway.advance(seconds(3));
  EXPECT_EQ(gateway.engine.expire(gateway.now(), 30), gateway.now());
  EXPECT_EQ(gateway.released().size(), 30U);
  EXPECT_EQ(gateway.engine.gauges().held_fragments, 70U);
  gateway.sweep();
  EXPECT_EQ(gateway.released().size(), 70U);
  EXPECT_EQ(gateway.engine.gauges().datagrams, 0U);
}

// A limit that is lowered is reached in steps, and meanwhile no new fragment is held.
// Rows: FR4
TEST(Fragments, ALowerLimitIsReachedInSteps) {
  Policy policy = plain_policy();
  policy.limits.held_fragments = 4096;
  policy.limits.fragments = 4096;
  TestGateway gateway(policy);
  for (std::uint16_t i = 0; i < 1000; ++i) {
    gateway.from_outside(tiny_orphan(Address(198, 51, 100, static_cast<std::uint8_t>(i % 4)), i));
  }
  ASSERT_EQ(gateway.engine.gauges().held_fragments, 1000U);
  gateway.change([](Policy& changed) { changed.limits.held_fragments = 1; });
  EXPECT_EQ(gateway.from_outside(tiny_orphan(Address(198, 51, 100, 9), 1)).reason, Reason::fragment_limit);
  EXPECT_EQ(gateway.released().size(), Fragments::kMostGivenUp);
  for (int i = 0; i < 3; ++i) gateway.from_outside(tiny_orphan(Address(198, 51, 100, 9), 1));
  EXPECT_EQ(gateway.engine.gauges().held_fragments, 1U);
}

// Whoever chooses addresses must not choose where they fall in a table.
static_assert(!std::is_default_constructible_v<std::hash<Address>>);

TEST(Fragments, MayBeSwitchedOff) {
  Policy policy = plain_policy();
  policy.limits.fragments = 0;
  TestGateway gateway(policy);
  for (const Octets& piece : cut(udp(kIn1, kOut1).payload(data(3000)), 1480)) {
    EXPECT_EQ(gateway.from_inside(piece).reason, Reason::fragment_limit);
  }
}

}  // namespace
}  // namespace nat::test
