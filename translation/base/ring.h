// The last so many values of a stream, for readers that follow it at their own pace. Writing allocates
// nothing and never waits for a reader: a value that a reader has not come to in time is overwritten, and the
// reader learns how many it missed.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <span>

#include "translation/base/slab.h"

namespace nat {

// Where a reader stands; values that were there before it began are not for it.
struct RingCursor {
  std::uint64_t next = 0;
};

template <typename T>
class Ring {
 public:
  // Keeps the last `capacity` values; a power of two.
  explicit Ring(std::uint32_t capacity) : values_(capacity), capacity_(capacity) {}

  // The place for the next value, which holds an old one.
  T& push() { return values_[written_++ & (capacity_ - 1)]; }

  RingCursor end() const { return {written_}; }
  bool at_end(const RingCursor& cursor) const { return cursor.next == written_; }
  // How many wait for the reader, those overwritten included.
  std::uint64_t waiting(const RingCursor& cursor) const { return written_ - cursor.next; }
  std::uint32_t capacity() const { return capacity_; }

  // Copies what comes next into `out`, as far as it goes, and moves the cursor on. Returns how many were
  // copied; adds those that were overwritten to `missed`.
  std::size_t read(RingCursor& cursor, std::span<T> out, std::uint64_t& missed) const {
    if (written_ - cursor.next > capacity_) {
      missed += written_ - capacity_ - cursor.next;
      cursor.next = written_ - capacity_;
    }
    const std::size_t count = std::min<std::uint64_t>(out.size(), written_ - cursor.next);
    for (std::size_t i = 0; i < count; ++i) out[i] = values_[cursor.next++ & (capacity_ - 1)];
    return count;
  }

 private:
  ZeroedArray<T> values_;
  std::uint32_t capacity_;
  std::uint64_t written_ = 0;
};

}  // namespace nat
