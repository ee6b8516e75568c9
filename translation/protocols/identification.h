// Fresh IPv4 identifications for packets that leave in the name of an external address (RFC 6864
// section 5.3.1, RFC 7857 section 10): hosts behind it would otherwise repeat each other's and their
// fragments would be mixed up. One counter for each hash of (source, destination, protocol), begun at random,
// as RFC 7739 section 5.3 describes.
#pragma once

#include <cstdint>
#include <vector>

#include "translation/base/random.h"
#include "translation/base/siphash.h"
#include "translation/net/address.h"

namespace nat {

class Identifications {
 public:
  Identifications(Random& random, const HashSecret& secret) : secret_(secret), counters_(kCounters) {
    for (std::size_t i = 0; i < kCounters; i += 4) {
      const std::uint64_t drawn = random.next();
      for (std::size_t j = 0; j < 4; ++j) counters_[i + j] = static_cast<std::uint16_t>(drawn >> 16 * j);
    }
  }

  std::uint16_t next(Address source, Address destination, std::uint8_t protocol) {
    const std::uint64_t hash =
        siphash13(secret_, std::uint64_t{source.value()} << 32 | destination.value(), protocol);
    return counters_[hash % kCounters]++;
  }

 private:
  static constexpr std::size_t kCounters = 8192;
  HashSecret secret_;
  std::vector<std::uint16_t> counters_;
};

}  // namespace nat
