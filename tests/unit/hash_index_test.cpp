#include "translation/base/hash_index.h"

#include <iterator>
#include <map>
#include <vector>

#include <gtest/gtest.h>

#include "translation/base/random.h"

namespace nat::test {
namespace {

std::uint32_t find_number(const HashIndex& index, std::uint64_t hash, std::uint32_t number) {
  return index.find(hash, [&](std::uint32_t candidate) { return candidate == number; });
}

TEST(HashIndex, EmptyFindsNothing) {
  const HashIndex index(100);
  EXPECT_EQ(index.find(12345, [](std::uint32_t) { return true; }), kNone);
}

TEST(HashIndex, TellsEqualHashesApartByTheRecord) {
  HashIndex index(100);
  for (std::uint32_t number = 0; number < 100; ++number) index.insert(42, number);
  for (std::uint32_t number = 0; number < 100; ++number) EXPECT_EQ(find_number(index, 42, number), number);
  for (std::uint32_t number = 0; number < 100; number += 2) index.erase(42, number);
  for (std::uint32_t number = 0; number < 100; ++number) {
    EXPECT_EQ(find_number(index, 42, number), number % 2 == 0 ? kNone : number);
  }
}

// Filled to its capacity, half emptied and filled again, many times: nothing is lost and nothing stays.
TEST(HashIndex, AgreesWithAMapUnderChurn) {
  constexpr std::uint32_t kCapacity = 5000;
  SeededRandom random(3);
  HashIndex index(kCapacity);
  std::map<std::uint32_t, std::uint64_t> kept;
  std::vector<std::uint32_t> free;
  for (std::uint32_t number = 0; number < kCapacity; ++number) free.push_back(number);
  for (int i = 0; i < 200000; ++i) {
    const bool fill = (i / 20000) % 2 == 0;
    if (!free.empty() && random.below(100) < (fill ? 80U : 30U)) {
      const std::uint32_t number = free.back();
      free.pop_back();
      // Few distinct hashes, so that buckets overflow into one another.
      const std::uint64_t hash = random.next() & (random.below(2) == 0 ? 0xff000000ff : ~std::uint64_t{0});
      kept[number] = hash;
      index.insert(hash, number);
    } else if (!kept.empty()) {
      auto entry = kept.lower_bound(random.below(kCapacity));
      if (entry == kept.end()) entry = kept.begin();
      index.erase(entry->second, entry->first);
      ASSERT_EQ(find_number(index, entry->second, entry->first), kNone);
      free.push_back(entry->first);
      kept.erase(entry);
    }
  }
  for (const auto& [number, hash] : kept) ASSERT_EQ(find_number(index, hash, number), number);
  for (const auto& [number, hash] : kept) index.erase(hash, number);
  // Empty again: no bucket claims that something lives further on.
  for (const auto& [number, hash] : kept) ASSERT_EQ(find_number(index, hash, number), kNone);
}

TEST(HashIndex, SmallestCapacitiesWork) {
  for (std::uint32_t capacity = 1; capacity < 20; ++capacity) {
    HashIndex index(capacity);
    for (std::uint32_t number = 0; number < capacity; ++number) index.insert(number * 7919, number);
    for (std::uint32_t number = 0; number < capacity; ++number) {
      EXPECT_EQ(find_number(index, number * 7919, number), number);
    }
  }
}

// The hash of the first key of the bucket, as an index of `buckets` sees it, and one tag for all: every entry
// of a bucket that a search comes to is shown to the caller.
std::uint64_t hash_in(std::uint64_t bucket, std::uint64_t buckets) {
  return ((bucket << 32) + buckets - 1) / buckets << 32 | 1U;
}

// An index beside a map that says what must be in it.
class Watched {
 public:
  explicit Watched(std::uint32_t capacity)
      : capacity_(capacity), buckets_(capacity / 7 + 1), index_(capacity) {}

  std::uint64_t buckets() const { return buckets_; }
  const std::map<std::uint32_t, std::uint64_t>& kept() const { return kept_; }
  bool full() const { return kept_.size() == capacity_; }

  void insert(std::uint64_t bucket) {
    const std::uint32_t number = next_++;
    kept_[number] = hash_in(bucket, buckets_);
    index_.insert(kept_[number], number);
  }
  void erase(std::uint32_t number) {
    index_.erase(kept_.at(number), number);
    kept_.erase(number);
  }

  // Whether what is kept is found, and searches for what is absent end before they see more than there is.
  ::testing::AssertionResult agrees() const {
    for (const auto& [number, hash] : kept_) {
      if (search(hash, number) != Answer::found) return ::testing::AssertionFailure() << "lost " << number;
    }
    for (std::uint64_t bucket = 0; bucket < buckets_; ++bucket) {
      if (search(hash_in(bucket, buckets_), kNone) != Answer::absent) {
        return ::testing::AssertionFailure() << "a search from bucket " << bucket << " goes on for ever";
      }
    }
    return ::testing::AssertionSuccess();
  }

 private:
  enum class Answer { found, absent, endless };

  Answer search(std::uint64_t hash, std::uint32_t wanted) const {
    std::size_t seen = 0;
    const std::uint32_t number = index_.find(
        hash, [&](std::uint32_t candidate) { return ++seen > kept_.size() || candidate == wanted; });
    if (seen > kept_.size()) return Answer::endless;
    return number == kNone ? Answer::absent : Answer::found;
  }

  std::uint32_t capacity_;
  std::uint64_t buckets_;
  HashIndex index_;
  std::map<std::uint32_t, std::uint64_t> kept_;
  std::uint32_t next_ = 0;
};

// Ten of thirteen leave the bucket that all began in, ten of the other come: both buckets have been passed.
TEST(HashIndex, SearchEndsWhereEveryBucketWasPassed) {
  Watched index(13);
  ASSERT_EQ(index.buckets(), 2U);
  for (int i = 0; i < 13; ++i) index.insert(0);
  for (std::uint32_t number = 0; number < 10; ++number) index.erase(number);
  for (int i = 0; i < 10; ++i) index.insert(1);
  EXPECT_TRUE(index.agrees());
}

// Full of keys of one bucket, emptied in the order they came but for some, filled up with keys of another:
// for each pair of buckets.
TEST(HashIndex, EveryCapacityEndsAllSearchesWhenKeysCrowdInBuckets) {
  for (std::uint32_t capacity = 1; capacity <= 64; ++capacity) {
    for (std::uint64_t first = 0; first < Watched(capacity).buckets(); ++first) {
      for (std::size_t stay = 0; stay <= capacity; stay += 3) {
        Watched index(capacity);
        while (!index.full()) index.insert(first);
        ASSERT_TRUE(index.agrees()) << "capacity " << capacity << " full from bucket " << first;
        for (std::uint64_t next = 0; next < index.buckets(); ++next) {
          while (index.kept().size() > stay) index.erase(index.kept().begin()->first);
          while (!index.full()) index.insert(next);
          ASSERT_TRUE(index.agrees()) << "capacity " << capacity << ", bucket " << next << " after " << first;
        }
      }
    }
  }
}

// Kept full by turns of buckets that a hostile hash might choose: each step takes one out and puts one in.
TEST(HashIndex, EveryCapacityAgreesWithAMapAtSaturation) {
  SeededRandom random(7);
  for (std::uint32_t capacity = 1; capacity <= 64; ++capacity) {
    Watched index(capacity);
    std::uint64_t crowded = 0;
    for (int i = 0; i < 400; ++i) {
      if (i % 40 == 0) crowded = random.below(static_cast<std::uint32_t>(index.buckets()));
      if (index.full()) {
        const auto out = std::next(index.kept().begin(), random.below(capacity));
        index.erase(out->first);
      }
      const bool strays = random.below(8) == 0;
      index.insert(strays ? random.below(static_cast<std::uint32_t>(index.buckets())) : crowded);
      ASSERT_TRUE(index.agrees()) << "capacity " << capacity << " after " << i << " steps";
    }
    while (!index.kept().empty()) index.erase(index.kept().begin()->first);
    ASSERT_TRUE(index.agrees()) << "capacity " << capacity << " emptied";
  }
}

}  // namespace
}  // namespace nat::test
