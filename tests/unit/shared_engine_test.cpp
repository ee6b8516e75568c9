// The engine under its lock: how long it was held is counted by purpose, and time never runs backwards in it.
#include "natd/engine/shared_engine.h"

#include <optional>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "natd/system/clock.h"
#include "tests/support/fake_service.h"
#include "tests/support/test_gateway.h"

namespace nat {
namespace {

using namespace std::chrono_literals;

const LockHolds& of(const LockHoldsByPurpose& holds, LockPurpose purpose) {
  return holds[static_cast<std::size_t>(purpose)];
}

class SharedEngineTest : public testing::Test {
 protected:
  LockHoldsByPurpose holds() { return engine.lock().holds(); }

  SeededRandom random{1};
  SharedEngine engine{test::plain_policy(), random, nullptr};
};

TEST(LockHolds, CountsEachHoldInTheBucketOfItsLength) {
  LockHolds holds;
  holds.add(0ns);
  holds.add(999ns);
  holds.add(1us);
  holds.add(2us);
  holds.add(3999ns);
  holds.add(64us);
  holds.add(1h);
  std::array<std::uint64_t, LockHolds::kBuckets> expected{};
  expected[0] = 2;      // shorter than 1 us
  expected[1] = 1;      // than 2
  expected[2] = 2;      // than 4
  expected[7] = 1;      // than 128
  expected.back() = 1;  // all the longer ones
  EXPECT_EQ(holds.buckets, expected);
  EXPECT_EQ(holds.count, 7U);
  EXPECT_EQ(holds.longest, 1h);
}

TEST(LockHolds, TheLongestIsNoLaterOne) {
  LockHolds holds;
  holds.add(9us);
  holds.add(3us);
  EXPECT_EQ(holds.longest, 9us);
}

TEST_F(SharedEngineTest, CountsHoldsByPurpose) {
  { const auto lock = engine.lock(LockPurpose::packets); }
  { const auto lock = engine.lock(LockPurpose::packets); }
  { const auto lock = engine.lock(LockPurpose::apply); }
  test::NoOutput output;
  engine.expire(output);
  const LockHoldsByPurpose before = holds();
  EXPECT_EQ(of(before, LockPurpose::packets).count, 2U);
  EXPECT_EQ(of(before, LockPurpose::apply).count, 1U);
  EXPECT_EQ(of(before, LockPurpose::expiry).count, 1U);
  EXPECT_EQ(of(before, LockPurpose::control).count, 0U) << "the hold that asks is not over";
  EXPECT_EQ(of(holds(), LockPurpose::control).count, 1U) << "without a purpose";
}

TEST_F(SharedEngineTest, MeasuresFromTakingToRelease) {
  const auto before = monotonic_nanoseconds();
  {
    const auto lock = engine.lock(LockPurpose::apply);
    const auto begin = monotonic_nanoseconds();
    while (monotonic_nanoseconds() < begin + 3ms) {
    }
  }
  const auto longest = of(holds(), LockPurpose::apply).longest;
  EXPECT_GE(longest, 3ms);
  EXPECT_LE(longest, monotonic_nanoseconds() - before);
}

// Who waits for the lock has the time of when it came, not of when it asked.
TEST_F(SharedEngineTest, TimeIsReadAfterTheLockIsTaken) {
  std::optional<SharedEngine::Lock> held;
  held.emplace(engine, LockPurpose::control);
  TimePoint theirs{};
  std::thread other([&] { theirs = engine.lock().now(); });
  const auto begin = monotonic_nanoseconds();
  while (monotonic_nanoseconds() < begin + 5ms) {
  }
  const TimePoint released = monotonic_now();
  held.reset();
  other.join();
  EXPECT_GE(theirs, released);
}

TEST_F(SharedEngineTest, TimeNeverRunsBackwardsFromHoldToHold) {
  TimePoint latest{};
  int backwards = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 2000; ++n) {
        const auto lock = engine.lock();
        if (lock.now() < latest) ++backwards;
        latest = lock.now();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(backwards, 0);
}

}  // namespace
}  // namespace nat
