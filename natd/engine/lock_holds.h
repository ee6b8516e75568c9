// How long the engine's lock was held at a time. No packet moves meanwhile, so the longest hold is the
// longest delay that natd itself adds to a packet.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>

namespace nat {

// What the lock is held for.
enum class LockPurpose : std::uint8_t {
  packets,  // a batch of a datapath
  expiry,   // a step of what is due, and packets that are let go by it
  apply,    // a change of the policy or of the external addresses
  control   // everything else: views, flush, trace, counters
};
inline constexpr std::array kLockPurposes{LockPurpose::packets, LockPurpose::expiry, LockPurpose::apply,
                                          LockPurpose::control};
const char* to_string(LockPurpose purpose);

// The holds for one purpose since the engine was made.
struct LockHolds {
  // Bucket n counts the holds shorter than 2^n microseconds that bucket n - 1 does not; the last takes all
  // that are longer, from a second on.
  static constexpr std::size_t kBuckets = 22;

  std::uint64_t count = 0;
  std::chrono::nanoseconds longest{0};
  std::array<std::uint64_t, kBuckets> buckets{};

  void add(std::chrono::nanoseconds held);
};

using LockHoldsByPurpose = std::array<LockHolds, kLockPurposes.size()>;

}  // namespace nat
