#include "translation/net/checksum.h"

namespace nat {

std::uint16_t internet_checksum(std::span<const std::uint8_t> octets, std::uint32_t initial) {
  std::uint64_t sum = initial;
  std::size_t i = 0;
  for (; i + 1 < octets.size(); i += 2) sum += static_cast<std::uint32_t>(octets[i] << 8 | octets[i + 1]);
  if (i < octets.size()) sum += static_cast<std::uint32_t>(octets[i] << 8);
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

}  // namespace nat
