// Who is internal: the sources that packets from the internal side may have. One that is in no internal
// network gets nothing that the others would miss, so that a host which forges sources cannot use up a limit
// (RFC 2827).
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <vector>

#include "translation/net/address.h"

namespace nat {

class Admission {
 public:
  // The internal networks, in any order; they may overlap. None admits every source.
  explicit Admission(const std::vector<Prefix>& networks = {}) {
    std::vector<Range> ranges;
    for (const Prefix& network : networks) {
      const std::uint32_t first = network.network().value();
      const auto last = static_cast<std::uint32_t>(first + (std::uint64_t{1} << (32 - network.length())) - 1);
      ranges.push_back({first, last});
    }
    std::sort(ranges.begin(), ranges.end(), [](const Range& a, const Range& b) { return a.first < b.first; });
    for (const Range& range : ranges) {
      if (ranges_.empty() || range.first > ranges_.back().last) {
        ranges_.push_back(range);
      } else {
        ranges_.back().last = std::max(ranges_.back().last, range.last);
      }
    }
  }

  bool admits(Address source) const {
    if (ranges_.empty()) return true;
    const auto after =
        std::upper_bound(ranges_.begin(), ranges_.end(), source.value(),
                         [](std::uint32_t address, const Range& range) { return address < range.first; });
    return after != ranges_.begin() && source.value() <= std::prev(after)->last;
  }

 private:
  struct Range {
    std::uint32_t first, last;
  };
  std::vector<Range> ranges_;  // in order, and apart
};

}  // namespace nat
