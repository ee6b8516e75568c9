#include "natd/engine/lock_holds.h"

#include <algorithm>
#include <bit>

namespace nat {

const char* to_string(LockPurpose purpose) {
  switch (purpose) {
    case LockPurpose::packets:
      return "packets";
    case LockPurpose::expiry:
      return "expiry";
    case LockPurpose::apply:
      return "apply";
    case LockPurpose::control:
      return "control";
  }
  return "";
}

void LockHolds::add(std::chrono::nanoseconds held) {
  const auto microseconds = static_cast<std::uint64_t>(held.count()) / 1000;
  ++count;
  longest = std::max(longest, held);
  ++buckets[std::min<std::size_t>(std::bit_width(microseconds), kBuckets - 1)];
}

}  // namespace nat
