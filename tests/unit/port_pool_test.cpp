#include "translation/ports/port_pool.h"

#include <array>
#include <map>
#include <set>

#include <gtest/gtest.h>

namespace nat::test {
namespace {

using std::chrono::seconds;

constexpr TimePoint kStart{seconds(1000)};
const Endpoint kOne{Address(10, 0, 0, 1), 4321};
const Endpoint kOther{Address(10, 0, 0, 2), 4321};

// A range on its own.
std::array<PortRange, 1> only(std::uint16_t first, std::uint16_t last) { return {{{first, last}}}; }

void configure(PortPool& pool, const std::vector<PortRange>& ranges, const PortSet& reserved = {},
               std::uint32_t quarantine_share = 25) {
  pool.configure(std::make_shared<const EligiblePorts>(ranges, reserved), quarantine_share);
}

PortPool pool_of(const std::vector<PortRange>& ranges, const PortSet& reserved = {}) {
  PortPool pool;
  configure(pool, ranges, reserved);
  return pool;
}

// The whole range, minus what the gateway itself uses, and never port 0.
// Rows: R4
TEST(PortPool, GivesAwayItsRangesAndNothingElse) {
  PortSet reserved;
  reserved.set(2005);
  PortPool pool = pool_of({{0, 0}, {2000, 2009}, {2008, 2012}, {65535, 65535}}, reserved);
  EXPECT_EQ(pool.capacity(), 13U);
  SeededRandom random(1);
  std::set<std::uint16_t> given;
  while (const auto port = pool.pick(random, only(1, 65535), std::nullopt))
    EXPECT_TRUE(given.insert(*port).second);
  std::set<std::uint16_t> wanted{2000, 2001, 2002, 2003, 2004, 2006, 2007,
                                 2008, 2009, 2010, 2011, 2012, 65535};
  EXPECT_EQ(given, wanted);
  EXPECT_EQ(pool.used(), 13U);
}

// Terminates and finds it when one port is left of them all.
// Rows: R5
TEST(PortPool, FindsTheLastPort) {
  PortPool pool = pool_of({{1, 65535}});
  SeededRandom random(2);
  for (std::uint32_t port = 1; port <= 65535; ++port) {
    if (port == 31337) continue;
    ASSERT_TRUE(pool.take(static_cast<std::uint16_t>(port), kOne));
  }
  EXPECT_EQ(pool.free_in(PortRange{1, 65535}), 1U);
  EXPECT_EQ(pool.pick(random, only(1, 65535), std::nullopt), 31337);
  EXPECT_EQ(pool.pick(random, only(1, 65535), std::nullopt), std::nullopt);
}

// Every free port is equally likely. Chi-square over 64 classes; 63 degrees of freedom, 110 is
// beyond 99.97 %.
// Rows: R1 X9 C15
TEST(PortPool, ChoosesWithoutAPattern) {
  SeededRandom random(3);
  constexpr int kDraws = 64000;
  std::array<int, 64> hits{};
  PortPool pool = pool_of({{1024, 65535}});
  for (int i = 0; i < kDraws; ++i) {
    const auto port = pool.pick(random, only(1024, 65535), std::nullopt);
    ASSERT_TRUE(port);
    ++hits[(*port - 1024U) / 1008U];
    pool.release(*port, kOne, kStart, kStart);
  }
  double chi = 0;
  for (const int count : hits) chi += (count - 1000.0) * (count - 1000.0) / 1000.0;
  EXPECT_LT(chi, 110);
}

// ... also when the free ones lie far apart.
// Rows: R1
TEST(PortPool, IsFairBetweenLonelyPorts) {
  PortPool pool = pool_of({{10, 10}, {11, 11}, {40000, 40000}, {65535, 65535}});
  SeededRandom random(4);
  std::map<std::uint16_t, int> hits;
  for (int i = 0; i < 40000; ++i) {
    const auto port = pool.pick(random, only(1, 65535), std::nullopt);
    ++hits[*port];
    pool.release(*port, kOne, kStart, kStart);
  }
  for (const auto& [port, count] : hits) EXPECT_NEAR(count, 10000, 400) << port;
}

// Parity where there is a free port of that parity, any port where not.
// Rows: U4 R3
TEST(PortPool, KeepsParityWhileItCan) {
  PortPool pool = pool_of({{1024, 1123}});
  SeededRandom random(5);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(*pool.pick(random, only(1024, 65535), 0) % 2, 0);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(*pool.pick(random, only(1024, 65535), 0) % 2, 1);
  EXPECT_EQ(pool.pick(random, only(1024, 65535), 0), std::nullopt);
}

TEST(PortPool, ParityStaysInTheClassAskedFor) {
  PortPool pool = pool_of({{1020, 1030}});
  SeededRandom random(6);
  for (int i = 0; i < 4; ++i) EXPECT_LT(*pool.pick(random, only(1, 1023), 1), 1024);
  EXPECT_EQ(pool.pick(random, only(1, 1023), 1), std::nullopt);
}

// A freed port is in quarantine; only its last owner gets it back before.
// Rows: C8
TEST(PortPool, PortsRestAfterUse) {
  PortPool pool = pool_of({{2000, 2099}});
  ASSERT_TRUE(pool.take(2000, kOne));
  pool.release(2000, kOne, kStart + seconds(120), kStart);
  EXPECT_EQ(pool.quarantined(), 1U);
  EXPECT_FALSE(pool.take(2000, kOther));
  unsigned budget = 10;
  pool.wake(kStart + seconds(119), budget);
  EXPECT_FALSE(pool.take(2000, kOther));
  pool.wake(kStart + seconds(120), budget);
  EXPECT_EQ(pool.quarantined(), 0U);
  EXPECT_TRUE(pool.take(2000, kOther));
}

TEST(PortPool, TheOwnerComesBackToItsPort) {
  PortPool pool = pool_of({{2000, 2099}});
  ASSERT_TRUE(pool.take(2000, kOne));
  pool.release(2000, kOne, kStart + seconds(120), kStart);
  EXPECT_TRUE(pool.take(2000, kOne));
  EXPECT_EQ(pool.quarantined(), 0U);
  pool.release(2000, kOne, kStart + seconds(180), kStart + seconds(60));
  // The end of the first quarantine is not the end of the second.
  unsigned budget = 10;
  pool.wake(kStart + seconds(121), budget);
  EXPECT_FALSE(pool.take(2000, kOther));
  pool.wake(kStart + seconds(180), budget);
  EXPECT_TRUE(pool.take(2000, kOther));
}

// The end of its own quarantine counts for a port, not that of one which came into it before.
// Rows: C8
TEST(PortPool, NobodyRestsBehindALongerRest) {
  PortPool pool = pool_of({{2000, 2099}});
  const auto rest = [&](std::uint16_t port, int how_long) {
    ASSERT_TRUE(pool.take(port, kOne));
    pool.release(port, kOne, kStart + seconds(how_long), kStart);
  };
  rest(2000, 3600);
  rest(2001, 120);
  rest(2002, 1200);
  unsigned budget = 10;
  pool.wake(kStart + seconds(120), budget);
  EXPECT_EQ(budget, 9U);
  EXPECT_TRUE(pool.free(2001));
  EXPECT_EQ(pool.next_wake(), kStart + seconds(1200));
  pool.wake(kStart + seconds(1200), budget);
  EXPECT_TRUE(pool.free(2002));
  EXPECT_FALSE(pool.free(2000));
}

// Whatever comes into quarantine, goes back to its owner and wakes in between: each port wakes in the step in
// which its own quarantine ends. Held against a list.
// Rows: C8
TEST(PortPool, EveryRestEndsInItsTime) {
  PortPool pool = pool_of({{2000, 2999}});
  SeededRandom random(8);
  std::map<std::uint16_t, TimePoint> resting;
  TimePoint now = kStart;
  for (int step = 0; step < 20000; ++step) {
    const auto port = static_cast<std::uint16_t>(2000 + random.below(200));
    if (pool.take(port, kOne)) {
      const TimePoint until = now + seconds(1 + random.below(random.below(2) == 0 ? 300 : 20));
      pool.release(port, kOne, until, now);
      resting[port] = until;
    }
    if (random.below(4) > 0) continue;
    now += seconds(random.below(4));
    unsigned budget = 1000;
    pool.wake(now, budget);
    std::erase_if(resting, [&](const auto& entry) { return entry.second <= now; });
    ASSERT_EQ(pool.quarantined(), resting.size()) << "step " << step;
    for (const auto& [at_rest, until] : resting) ASSERT_FALSE(pool.free(at_rest)) << "step " << step;
  }
}

// When fewer may be in quarantine, those whose time ends first become free at once, and not when the next one
// comes.
// Rows: C8x
TEST(PortPool, FewerMayRestFromNowOn) {
  PortPool pool = pool_of({{2000, 2099}});
  for (std::uint16_t port = 2000; port < 2020; ++port) {
    ASSERT_TRUE(pool.take(port, kOne));
    pool.release(port, kOne, kStart + seconds(port == 2000 ? 500 : 120), kStart);
  }
  configure(pool, {{2000, 2099}}, {}, 5);
  EXPECT_EQ(pool.quarantined(), 5U);
  EXPECT_FALSE(pool.free(2000));
  EXPECT_EQ(pool.free_in(PortRange{2000, 2099}), 95U);
}

// Taken and quarantined ports are not free after the ranges changed, and the count of free ones is right:
// held against a walk over all ports.
TEST(PortPool, CountsWhatIsFreeAfterAChange) {
  PortPool pool = pool_of({{1, 65535}});
  SeededRandom random(9);
  for (int i = 0; i < 3000; ++i) {
    const auto port = pool.pick(random, only(1, 65535), std::nullopt);
    if (i % 3 == 0) pool.release(*port, kOne, kStart + seconds(120), kStart);
  }
  PortSet reserved;
  for (std::size_t port = 60000; port < 61000; ++port) reserved.set(port);
  configure(pool, {{100, 200}, {150, 40000}, {59000, 65535}}, reserved);
  std::uint32_t free = 0, eligible = 0;
  for (std::uint32_t port = 0; port < 65536; ++port) {
    const bool in_range = (port >= 100 && port <= 40000) || port >= 59000;
    eligible += in_range && !reserved[port] ? 1 : 0;
    free += pool.free(static_cast<std::uint16_t>(port)) ? 1 : 0;
    if (!in_range || reserved[port]) {
      ASSERT_FALSE(pool.free(static_cast<std::uint16_t>(port))) << port;
    }
  }
  EXPECT_EQ(pool.capacity(), eligible);
  EXPECT_EQ(pool.free_in(PortRange{0, 65535}), free);
  EXPECT_LT(free, eligible);
}

TEST(PortPool, FindsTheFirstFreePortThatIsWanted) {
  PortPool pool = pool_of({{2000, 2199}});
  for (std::uint16_t port = 2000; port < 2150; ++port) ASSERT_TRUE(pool.take(port, kOne));
  const auto odd = [](std::uint16_t port) { return port % 2 != 0; };
  const auto none = [](std::uint16_t) { return false; };
  EXPECT_EQ(pool.first_free({1, 65535}, none), 2150);
  EXPECT_EQ(pool.first_free({2151, 65535}, odd), 2152);
  EXPECT_EQ(pool.first_free({2000, 2149}, none), std::nullopt);
  EXPECT_EQ(pool.first_free({2199, 2199}, odd), std::nullopt);
  EXPECT_EQ(pool.first_free({2199, 65535}, none), 2199);
}

// At most a quarter is in quarantine, or the pool would starve itself.
// Rows: C8x
TEST(PortPool, HowManyRestIsASetting) {
  for (const std::uint32_t share : {0U, 10U, 100U}) {
    PortPool pool;
    configure(pool, {{40000, 40099}}, {}, share);
    SeededRandom random(1);
    const std::vector<PortRange> all{{40000, 40099}};
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(pool.pick(random, all, std::nullopt));
    for (std::uint16_t port = 40000; port < 40100; ++port) {
      pool.release(port, {}, TimePoint(std::chrono::seconds(120)), TimePoint());
    }
    EXPECT_EQ(pool.quarantined(), share);
  }
}

// Rows: C8x
TEST(PortPool, AtMostAQuarterRests) {
  PortPool pool = pool_of({{2000, 2039}});
  for (std::uint16_t port = 2000; port < 2020; ++port) {
    ASSERT_TRUE(pool.take(port, kOne));
    pool.release(port, kOne, kStart + seconds(120), kStart);
  }
  EXPECT_EQ(pool.quarantined(), 10U);
  EXPECT_TRUE(pool.free(2000));  // its quarantine would have ended first
  EXPECT_FALSE(pool.free(2019));
}

TEST(PortPool, WakingIsBounded) {
  PortPool pool = pool_of({{1024, 65535}});
  for (std::uint16_t port = 2000; port < 2100; ++port) {
    ASSERT_TRUE(pool.take(port, kOne));
    pool.release(port, kOne, kStart, kStart - seconds(120));
  }
  unsigned budget = 30;
  pool.wake(kStart, budget);
  EXPECT_EQ(budget, 0U);
  EXPECT_EQ(pool.quarantined(), 70U);
}

TEST(PortPool, AnOperatorMayTakeAnyPortThatIsNotInUse) {
  PortPool pool = pool_of({{2000, 2009}});
  EXPECT_TRUE(pool.take_explicit(80));
  EXPECT_FALSE(pool.take_explicit(80));
  ASSERT_TRUE(pool.take(2000, kOne));
  pool.release(2000, kOne, kStart + seconds(120), kStart);
  EXPECT_TRUE(pool.take_explicit(2000));
  pool.release(80, {}, kStart, kStart);
  EXPECT_FALSE(pool.free(80));  // not of the pool's ranges
  EXPECT_EQ(pool.used(), 1U);
}

// Ports in use stay in use when the ranges change, and follow the new ranges when released.
TEST(PortPool, RangesMayChangeUnderUse) {
  PortPool pool = pool_of({{2000, 2009}});
  ASSERT_TRUE(pool.take(2000, kOne));
  ASSERT_TRUE(pool.take(2001, kOne));
  configure(pool, {{2001, 2001}, {3000, 3000}});
  EXPECT_EQ(pool.capacity(), 2U);
  pool.release(2000, kOne, kStart, kStart);
  pool.release(2001, kOne, kStart, kStart);
  EXPECT_FALSE(pool.free(2000));
  EXPECT_TRUE(pool.free(2001));
  EXPECT_TRUE(pool.free(3000));
}

TEST(PortPool, NothingToGive) {
  PortPool pool = pool_of({});
  SeededRandom random(7);
  EXPECT_EQ(pool.pick(random, only(1, 65535), std::nullopt), std::nullopt);
  EXPECT_FALSE(pool.take(2000, kOne));
  ASSERT_TRUE(pool.take_explicit(2000));
  pool.release(2000, kOne, kStart + seconds(1), kStart);
  EXPECT_EQ(pool.quarantined(), 0U);
}

// A port that leaves the ranges while it is used is in quarantine all the same, should it come back into
// them.
// Rows: C8
TEST(PortPool, RestsOutsideOfItsRangesToo) {
  PortPool pool = pool_of({{2000, 2009}});
  ASSERT_TRUE(pool.take(2005, kOne));
  pool.configure(std::make_shared<const EligiblePorts>(std::vector<PortRange>{{3000, 3009}}, PortSet()), 25);
  pool.release(2005, kOne, kStart + seconds(120), kStart);
  pool.configure(std::make_shared<const EligiblePorts>(std::vector<PortRange>{{2000, 2009}}, PortSet()), 25);
  EXPECT_FALSE(pool.may_take(2005, kOther));
  EXPECT_TRUE(pool.may_take(2005, kOne));
}

}  // namespace
}  // namespace nat::test
