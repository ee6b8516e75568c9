#include "natd/observe/exhaustion.h"

#include <gtest/gtest.h>

namespace nat {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{1h};

void refuse(Counters& counters, Reason reason, std::uint64_t packets) {
  counters.reasons[static_cast<std::size_t>(reason)][0].packets += packets;
}

// Rows: C11c
TEST(ExhaustionWatch, SpeaksOnceAtTheBeginningAndThenEveryMinuteWithTheSum) {
  ExhaustionWatch watch;
  Counters counters;
  EXPECT_TRUE(watch.check(counters, kStart).empty());

  refuse(counters, Reason::ports_exhausted, 3);
  ASSERT_EQ(watch.check(counters, kStart).size(), 1u);
  refuse(counters, Reason::ports_exhausted, 4);
  EXPECT_TRUE(watch.check(counters, kStart + 59s).empty());
  refuse(counters, Reason::ports_exhausted, 5);
  const auto later = watch.check(counters, kStart + 60s);
  ASSERT_EQ(later.size(), 1u);
  EXPECT_EQ(later[0].substr(0, 36), "9 packets refused, ports-exhausted: ");
  EXPECT_TRUE(watch.check(counters, kStart + 10min).empty());
}

TEST(ExhaustionWatch, KeepsSilentAboutRefusalsThatAreNobodysShortage) {
  ExhaustionWatch watch;
  Counters counters;
  refuse(counters, Reason::unsolicited_syn, 1000);
  refuse(counters, Reason::filtered_by_address, 1000);
  EXPECT_TRUE(watch.check(counters, kStart).empty());
}

TEST(ExhaustionWatch, SpeaksOfAQueueThatIsFull) {
  ExhaustionWatch watch;
  EXPECT_EQ(watch.check_overruns(0, kStart), "");
  EXPECT_EQ(watch.check_overruns(7, kStart).substr(0, 14), "7 packets lost");
  EXPECT_EQ(watch.check_overruns(9, kStart + 59s), "");
  EXPECT_EQ(watch.check_overruns(10, kStart + 60s).substr(0, 14), "3 packets lost");
  EXPECT_EQ(watch.check_overruns(10, kStart + 10min), "");
}

}  // namespace
}  // namespace nat
