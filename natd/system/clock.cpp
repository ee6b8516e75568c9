#include "natd/system/clock.h"

#include <time.h>

namespace nat {

TimePoint monotonic_now() { return TimePoint(std::chrono::duration_cast<Duration>(monotonic_nanoseconds())); }

std::chrono::nanoseconds monotonic_nanoseconds() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace nat
