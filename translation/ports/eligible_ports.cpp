#include "translation/ports/eligible_ports.h"

#include <bit>

namespace nat {
namespace {

// The bits of a word from the first to the last, both among them.
constexpr std::uint64_t bits(unsigned first, unsigned last) {
  return ~std::uint64_t{0} >> (63 - last) & ~std::uint64_t{0} << first;
}

std::uint64_t word_of(const PortSet& set, std::size_t word) {
  std::uint64_t value = 0;
  for (std::size_t bit = 0; bit < 64; ++bit) value |= std::uint64_t{set[word * 64 + bit]} << bit;
  return value;
}

}  // namespace

EligiblePorts::EligiblePorts(const std::vector<PortRange>& ranges, const PortSet& reserved) {
  for (const PortRange& range : ranges) {
    if (range.last < range.first) continue;
    const unsigned from = range.first >> 6, to = range.last >> 6;
    for (unsigned word = from; word <= to; ++word) {
      words_[word] |= bits(word == from ? range.first & 63 : 0, word == to ? range.last & 63 : 63);
    }
  }
  words_[0] &= ~std::uint64_t{1};
  const bool some_reserved = reserved.any();
  for (unsigned word = 0; word < kWords; ++word) {
    if (words_[word] == 0) continue;
    if (some_reserved) words_[word] &= ~word_of(reserved, word);
    const int count = std::popcount(words_[word]);
    in_groups_[word / kWordsInGroup] = static_cast<std::uint16_t>(in_groups_[word / kWordsInGroup] + count);
    count_ += static_cast<std::uint32_t>(count);
  }
}

}  // namespace nat
