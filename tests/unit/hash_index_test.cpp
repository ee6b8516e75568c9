#include "translation/base/hash_index.h"

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

}  // namespace
}  // namespace nat::test
