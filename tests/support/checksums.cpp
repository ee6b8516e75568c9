#include "tests/support/checksums.h"

#include "translation/net/wire.h"

namespace nat::test {
namespace {

std::size_t header_length(const Octets& packet) { return (packet[0] & 0x0fU) * 4; }

std::size_t total_length(const Octets& packet) { return load16(packet.data() + ip::kTotalLength); }

// Offset of the checksum field in the packet.
std::size_t field(const Octets& packet) {
  switch (packet[ip::kProtocol]) {
    case 6:
      return header_length(packet) + tcp::kChecksum;
    case 17:
      return header_length(packet) + udp::kChecksum;
    default:
      return header_length(packet) + icmp::kChecksum;
  }
}

std::uint16_t transport_sum(const Octets& packet) {
  const std::size_t header = header_length(packet);
  const std::size_t length = total_length(packet) - header;
  std::uint32_t pseudo = 0;
  if (packet[ip::kProtocol] != 1) {
    pseudo = plain_sum(packet.data() + ip::kSource, 8) + std::uint32_t{packet[ip::kProtocol]} +
             static_cast<std::uint32_t>(length);
  }
  return plain_sum(packet.data() + header, length, pseudo);
}

}  // namespace

std::uint16_t plain_sum(const std::uint8_t* at, std::size_t length, std::uint32_t initial) {
  std::uint64_t sum = initial;
  for (std::size_t i = 0; i < length; ++i) sum += i % 2 == 0 ? std::uint64_t{at[i]} << 8 : at[i];
  while (sum > 0xffff) sum = (sum >> 16) + (sum & 0xffff);
  return static_cast<std::uint16_t>(sum);
}

bool ip_checksum_valid(const Octets& packet) {
  return plain_sum(packet.data(), header_length(packet)) == 0xffff;
}

bool transport_checksum_valid(const Octets& packet) { return transport_checksum_error(packet) == 0; }

std::uint16_t transport_checksum_error(const Octets& packet) {
  if (packet[ip::kProtocol] == 17 && load16(packet.data() + field(packet)) == 0) return 0;
  const auto error = static_cast<std::uint16_t>(~transport_sum(packet));
  return error == 0xffff ? std::uint16_t{0} : error;
}

void fix_ip_checksum(Octets& packet) {
  store16(packet.data() + ip::kChecksum, 0);
  store16(packet.data() + ip::kChecksum,
          static_cast<std::uint16_t>(~plain_sum(packet.data(), header_length(packet))));
}

void fix_transport_checksum(Octets& packet) {
  std::uint8_t* const at = packet.data() + field(packet);
  store16(at, 0);
  auto sum = static_cast<std::uint16_t>(~transport_sum(packet));
  if (packet[ip::kProtocol] == 17 && sum == 0) sum = 0xffff;
  store16(at, sum);
}

}  // namespace nat::test
