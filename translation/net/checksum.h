// Internet checksums changed in step with the fields they cover (RFC 1624), never computed anew: a packet
// that arrives broken leaves just as broken, and no payload is read.
#pragma once

#include <cstdint>
#include <span>

namespace nat {

// The sum of what changed: ~old + new for each 16-bit word, carries folded at the end. Deltas of disjoint
// words add up, so one session can keep one delta for its addresses and ports.
class ChecksumDelta {
 public:
  constexpr ChecksumDelta() = default;

  constexpr ChecksumDelta& change16(std::uint16_t from, std::uint16_t to) {
    sum_ += static_cast<std::uint16_t>(~from);
    sum_ += to;
    return *this;
  }
  constexpr ChecksumDelta& change32(std::uint32_t from, std::uint32_t to) {
    change16(static_cast<std::uint16_t>(from >> 16), static_cast<std::uint16_t>(to >> 16));
    return change16(static_cast<std::uint16_t>(from), static_cast<std::uint16_t>(to));
  }
  constexpr ChecksumDelta& add(const ChecksumDelta& other) {
    sum_ += other.sum_;
    return *this;
  }

  // HC' = ~(~HC + sum of ~m + m'), RFC 1624 equation 3.
  constexpr std::uint16_t apply(std::uint16_t checksum) const {
    return static_cast<std::uint16_t>(~fold(sum_ + static_cast<std::uint16_t>(~checksum)));
  }

  // For a checksum field that holds the plain, un-complemented sum of the pseudo-header and waits for
  // the kernel or the device to finish it (a packet with a partial checksum, such as a TUN device with a
  // virtio header delivers).
  constexpr std::uint16_t apply_to_partial(std::uint16_t pseudo_sum) const { return fold(sum_ + pseudo_sum); }

 private:
  static constexpr std::uint16_t fold(std::uint64_t sum) {
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(sum);
  }

  std::uint64_t sum_ = 0;
};

// The checksum of whole octets, for packets natd itself makes, for the quoted headers it must judge, and for
// tests.
std::uint16_t internet_checksum(std::span<const std::uint8_t> octets, std::uint32_t initial = 0);

}  // namespace nat
