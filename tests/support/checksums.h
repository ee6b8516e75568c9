// Checksums computed from every octet, the slow way of RFC 1071, so that they can judge the incremental ones.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tests/support/octets.h"

namespace nat::test {

// The one's complement sum of `length` octets from `at` on, not complemented.
std::uint16_t plain_sum(const std::uint8_t* at, std::size_t length, std::uint32_t initial = 0);

bool ip_checksum_valid(const Octets& packet);
// Of a whole, unfragmented TCP, UDP or ICMP packet. A UDP checksum of zero is valid: there is none.
bool transport_checksum_valid(const Octets& packet);
inline bool checksums_valid(const Octets& packet) {
  return ip_checksum_valid(packet) && transport_checksum_valid(packet);
}

// What one's complement subtraction says is wrong with the transport checksum: 0 when it is valid. The same
// number before and after translation means "just as broken".
std::uint16_t transport_checksum_error(const Octets& packet);

// Writes the right ones.
void fix_ip_checksum(Octets& packet);
void fix_transport_checksum(Octets& packet);

}  // namespace nat::test
