#include "translation/base/timer_wheel.h"

#include <map>
#include <vector>

#include <gtest/gtest.h>

#include "translation/base/random.h"

namespace nat::test {
namespace {

using Links = std::vector<TimerLink>;

TEST(TimerWheel, ComesInTheSecondThatEndsAfterTheDeadline) {
  Links links(4);
  TimerWheel<Links> wheel(links);
  wheel.insert(1, 25);  // 2.5 s
  EXPECT_EQ(wheel.take_due(29), kNone);
  EXPECT_EQ(wheel.take_due(30), 1U);
  EXPECT_EQ(wheel.take_due(1000), kNone);
}

TEST(TimerWheel, ErasedRecordsNeverCome) {
  Links links(10);
  TimerWheel<Links> wheel(links);
  for (std::uint32_t number = 0; number < 10; ++number) wheel.insert(number, 100);
  for (std::uint32_t number = 0; number < 10; ++number) {
    if (number != 4) wheel.erase(number);
  }
  EXPECT_EQ(wheel.take_due(100), 4U);
  EXPECT_EQ(wheel.take_due(100), kNone);
}

// A record in the past is looked at in the next second, not a turn of the wheel later.
TEST(TimerWheel, ThePastIsDueAtOnce) {
  Links links(2);
  TimerWheel<Links> wheel(links);
  EXPECT_EQ(wheel.take_due(5000), kNone);
  wheel.insert(0, 10);
  EXPECT_EQ(wheel.take_due(5010), 0U);
}

TEST(TimerWheel, DeadlinesBeyondItsSpanComeEarlyAndCanBePutBack) {
  Links links(1);
  TimerWheel<Links> wheel(links);
  const Tick far = 20000 * kTicksPerSecond;
  wheel.insert(0, far);
  unsigned visits = 0;
  for (Tick now = 0; now <= far; now += kTicksPerSecond) {
    while (wheel.take_due(now) == 0) {
      ++visits;
      if (now < far) wheel.insert(0, far);
    }
  }
  EXPECT_EQ(visits, 3U);  // 8191 s and 16382 s on the way, then in time
}

// After a pause longer than the wheel, everything due comes once.
TEST(TimerWheel, ALongPauseLosesNothing) {
  Links links(1000);
  TimerWheel<Links> wheel(links);
  for (std::uint32_t number = 0; number < 1000; ++number) wheel.insert(number, number * 80);
  std::vector<bool> seen(1000);
  for (std::uint32_t number; (number = wheel.take_due(10000000)) != kNone;) {
    ASSERT_FALSE(seen[number]);
    seen[number] = true;
  }
  for (std::uint32_t number = 0; number < 1000; ++number) EXPECT_TRUE(seen[number]) << number;
}

// Random insertions, removals and steps against a sorted map.
TEST(TimerWheel, AgreesWithASortedMap) {
  SeededRandom random(11);
  Links links(500);
  TimerWheel<Links> wheel(links);
  std::map<std::uint32_t, Tick> kept;
  Tick now = 0;
  for (int i = 0; i < 100000; ++i) {
    const std::uint32_t number = random.below(500);
    if (const auto known = kept.find(number); known != kept.end()) {
      wheel.erase(number);
      kept.erase(known);
    } else {
      const Tick deadline = now + 1 + random.below(3000);
      wheel.insert(number, deadline);
      kept[number] = deadline;
    }
    now += random.below(20);
    for (std::uint32_t due; (due = wheel.take_due(now)) != kNone;) {
      const auto known = kept.find(due);
      ASSERT_NE(known, kept.end());
      ASSERT_LE(known->second, now);
      kept.erase(known);
    }
    if (i % 100 != 0) continue;
    for (const auto& [other, deadline] : kept) {
      ASSERT_GT(deadline + 2 * kTicksPerSecond, now) << other << " is more than a second late";
    }
  }
}

}  // namespace
}  // namespace nat::test
