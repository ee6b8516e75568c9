// The place of an address in a list, held against a search through the list.
#include "translation/net/address_index.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "translation/base/random.h"

namespace nat::test {
namespace {

std::optional<std::uint16_t> searched(const std::vector<Address>& list, Address address) {
  const auto found = std::find(list.begin(), list.end(), address);
  if (found == list.end()) return std::nullopt;
  return static_cast<std::uint16_t>(found - list.begin());
}

void expect_same(const std::vector<Address>& list, SeededRandom& random) {
  const AddressIndex index(list);
  const auto check = [&](Address address) {
    ASSERT_EQ(index.place_of(address), searched(list, address)) << address.to_string();
    ASSERT_EQ(index.contains(address), searched(list, address).has_value()) << address.to_string();
  };
  for (const Address address : list) {
    check(address);
    check(Address(address.value() + 1));
    check(Address(address.value() - 1));
  }
  for (int i = 0; i < 1000; ++i) check(Address(static_cast<std::uint32_t>(random.next())));
}

TEST(AddressIndex, FindsWhatASearchFinds) {
  SeededRandom random(1);
  for (const std::size_t size : {1U, 2U, 3U, 64U, 1024U}) {
    std::vector<Address> scattered, neighbours;
    for (std::uint32_t i = 0; i < size; ++i) {
      scattered.emplace_back(static_cast<std::uint32_t>(random.next()) | 1U);
      neighbours.emplace_back(0xcb007100U + i);
    }
    expect_same(scattered, random);
    expect_same(neighbours, random);
  }
}

TEST(AddressIndex, OfEqualAddressesTheFirstCounts) {
  const Address twice(203, 0, 113, 11);
  EXPECT_EQ(AddressIndex(std::vector<Address>{Address(203, 0, 113, 12), twice, twice}).place_of(twice), 1);
}

// Also where it stands in the list.
TEST(AddressIndex, TheUnspecifiedAddressIsNowhere) {
  EXPECT_FALSE(AddressIndex().contains(Address()));
  EXPECT_FALSE(AddressIndex().contains(Address(203, 0, 113, 11)));
  const AddressIndex index(std::vector<Address>{Address(), Address(203, 0, 113, 11)});
  EXPECT_FALSE(index.contains(Address()));
  EXPECT_EQ(index.place_of(Address()), std::nullopt);
  EXPECT_EQ(index.place_of(Address(203, 0, 113, 11)), 1);
}

}  // namespace
}  // namespace nat::test
