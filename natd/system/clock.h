// The one clock of the daemon: CLOCK_MONOTONIC in the engine's milliseconds.
#pragma once

#include "translation/base/time.h"

namespace nat {

// Never runs backwards, and has no relation to the wall clock. Any thread.
TimePoint monotonic_now();

}  // namespace nat
