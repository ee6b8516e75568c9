// Time as the engine sees it: milliseconds on a clock that only its caller reads. It never runs backwards and
// has no relation to the wall clock.
#pragma once

#include <chrono>

namespace nat {

using Duration = std::chrono::milliseconds;

struct EngineClock {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<EngineClock, duration>;
  static constexpr bool is_steady = true;
};

using TimePoint = EngineClock::time_point;

inline constexpr TimePoint kNever = TimePoint::max();

}  // namespace nat
