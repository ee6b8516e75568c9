// Finds record numbers by the hash of their keys. The keys stay in the records: the index holds 16 bits of
// hash and the number, so a look-up costs one cache line here and one in the record, which the caller needs
// anyway.
//
// Buckets are cache lines of ten entries. An entry that finds its bucket full goes to the next one with room,
// and every bucket it passes counts it, so that a look-up knows when to stop and an erased entry leaves no
// tombstone. Where all buckets have been passed, which a small index comes to, a look-up ends with the bucket
// it began at. The size is fixed when the index is made: no packet ever waits for a table to grow. Compared
// with absl::flat_hash_map in tests/bench/engine_bench.cpp.
#pragma once

#include <cstdint>

#include "translation/base/slab.h"

namespace nat {

class HashIndex {
 public:
  // For at most `capacity` entries; seven tenths full then.
  explicit HashIndex(std::uint32_t capacity) : count_(capacity / 7 + 1), buckets_(count_) {}

  void prefetch(std::uint64_t hash) const { __builtin_prefetch(&buckets_[home(hash)]); }

  // The number most likely found under `hash`: the first whose tag agrees in the home bucket; kNone mostly
  // means that there is none. For prefetching records.
  std::uint32_t guess(std::uint64_t hash) const {
    const Bucket& bucket = buckets_[home(hash)];
    const std::uint16_t tag = tag_of(hash);
    for (unsigned slot = 0; slot < kSlots; ++slot) {
      if (bucket.tags[slot] == tag) return bucket.numbers[slot];
    }
    return kNone;
  }

  // The first number inserted under `hash` that `matches` accepts, or kNone.
  template <typename Matches>
  std::uint32_t find(std::uint64_t hash, Matches&& matches) const {
    const std::uint16_t tag = tag_of(hash);
    const std::uint32_t first = home(hash);
    const Bucket& bucket = buckets_[first];
    for (unsigned slot = 0; slot < kSlots; ++slot) {
      if (bucket.tags[slot] == tag && matches(bucket.numbers[slot])) return bucket.numbers[slot];
    }
    return bucket.passed == 0 ? kNone : find_further(first, tag, matches);
  }

  // The caller keeps to the capacity, so that there is an empty slot; the same number must not be inserted
  // twice under one hash.
  void insert(std::uint64_t hash, std::uint32_t number) {
    const std::uint16_t tag = tag_of(hash);
    for (std::uint32_t at = home(hash);; at = after(at)) {
      Bucket& bucket = buckets_[at];
      for (unsigned slot = 0; slot < kSlots; ++slot) {
        if (bucket.tags[slot] == 0) {
          bucket.tags[slot] = tag;
          bucket.numbers[slot] = number;
          return;
        }
      }
      ++bucket.passed;
    }
  }

  // The entry must be there.
  void erase(std::uint64_t hash, std::uint32_t number) {
    const std::uint16_t tag = tag_of(hash);
    for (std::uint32_t at = home(hash);; at = after(at)) {
      Bucket& bucket = buckets_[at];
      for (unsigned slot = 0; slot < kSlots; ++slot) {
        if (bucket.tags[slot] == tag && bucket.numbers[slot] == number) {
          bucket.tags[slot] = 0;
          return;
        }
      }
      --bucket.passed;
    }
  }

 private:
  static constexpr unsigned kSlots = 10;
  struct Bucket {
    std::uint16_t tags[kSlots];  // 0 is an empty slot
    std::uint32_t passed;        // entries that belong here or before and live further on
    std::uint32_t numbers[kSlots];
  };
  static_assert(sizeof(Bucket) == 64);

  // In the buckets after the first; rare, and kept out of the way of what is not.
  template <typename Matches>
  [[gnu::noinline]] std::uint32_t find_further(std::uint32_t first, std::uint16_t tag,
                                               Matches& matches) const {
    for (std::uint32_t at = after(first); at != first; at = after(at)) {
      const Bucket& bucket = buckets_[at];
      for (unsigned slot = 0; slot < kSlots; ++slot) {
        if (bucket.tags[slot] == tag && matches(bucket.numbers[slot])) return bucket.numbers[slot];
      }
      if (bucket.passed == 0) break;
    }
    return kNone;
  }

  // The upper half of the hash spread over the buckets, the lower for the tag.
  std::uint32_t home(std::uint64_t hash) const {
    return static_cast<std::uint32_t>((hash >> 32) * count_ >> 32);
  }
  std::uint32_t after(std::uint32_t at) const { return at + 1 == count_ ? 0 : at + 1; }
  static std::uint16_t tag_of(std::uint64_t hash) { return static_cast<std::uint16_t>(hash | 1U); }

  std::uint32_t count_;
  ZeroedArray<Bucket> buckets_;
};

}  // namespace nat
