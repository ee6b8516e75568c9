// The ports that an external address may give away: those of some ranges, without port 0 and without what the
// gateway keeps for itself. Worked out once and shared by all addresses.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "translation/policy/policy.h"

namespace nat {

// A set of port numbers, in words of 64, and how many there are in each group of 4096.
class EligiblePorts {
 public:
  static constexpr unsigned kWords = 65536 / 64;
  static constexpr unsigned kWordsInGroup = 64;
  static constexpr unsigned kGroups = kWords / kWordsInGroup;

  EligiblePorts() = default;
  // The ranges may overlap.
  EligiblePorts(const std::vector<PortRange>& ranges, const PortSet& reserved);

  bool contains(std::uint16_t port) const { return (words_[port >> 6] >> (port & 63) & 1) != 0; }
  std::uint32_t count() const { return count_; }
  const std::array<std::uint64_t, kWords>& words() const { return words_; }
  const std::array<std::uint16_t, kGroups>& in_groups() const { return in_groups_; }

 private:
  std::array<std::uint64_t, kWords> words_{};
  std::array<std::uint16_t, kGroups> in_groups_{};
  std::uint32_t count_ = 0;
};

}  // namespace nat
