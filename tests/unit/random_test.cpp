#include "natd/engine/random.h"

#include <array>
#include <bit>
#include <set>

#include <gtest/gtest.h>

namespace nat {
namespace {

TEST(KernelRandom, NeverRepeatsAcrossItsBlocks) {
  KernelRandom random;
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(random.next());
  EXPECT_EQ(seen.size(), 1000u);  // a clash among 1000 of 2^64 has a chance of 10^-14
}

TEST(KernelRandom, SetsEveryBitHalfOfTheTime) {
  KernelRandom random;
  std::array<int, 64> set{};
  constexpr int kDraws = 10000;
  for (int i = 0; i < kDraws; ++i) {
    const std::uint64_t draw = random.next();
    for (std::size_t bit = 0; bit < set.size(); ++bit) set[bit] += static_cast<int>(draw >> bit & 1);
  }
  // The standard deviation is 50; eight of them for 64 bits fail once in 10^13 runs.
  for (const int count : set) EXPECT_NEAR(count, kDraws / 2, 400);
}

TEST(Random, BelowStaysBelowAndReachesEveryValue) {
  KernelRandom random;
  std::array<int, 7> seen{};
  for (int i = 0; i < 7000; ++i) {
    const std::uint32_t draw = random.below(7);
    ASSERT_LT(draw, seen.size());
    ++seen[draw];
  }
  for (const int count : seen) EXPECT_NEAR(count, 1000, 300);
}

}  // namespace
}  // namespace nat
