// The one clock of the daemon: CLOCK_MONOTONIC, in the engine's milliseconds. Who calls the engine takes the
// time from SharedEngine::Lock::now() instead: what was read before the lock was taken may be older than what
// the engine has seen.
#pragma once

#include <chrono>

#include "translation/base/time.h"

namespace nat {

// Never runs backwards, and has no relation to the wall clock. Any thread.
TimePoint monotonic_now();
// The same clock to the nanosecond, for measuring.
std::chrono::nanoseconds monotonic_nanoseconds();

}  // namespace nat
