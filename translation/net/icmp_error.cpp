#include "translation/net/icmp_error.h"

#include <algorithm>

#include "translation/net/checksum.h"

namespace nat {
namespace {

constexpr std::size_t kLargestError = 576;  // RFC 1812 section 4.3.2.3
constexpr std::uint8_t kTtl = 64;

void write_ip_header(std::span<std::uint8_t> packet, Protocol protocol, std::uint8_t type_of_service,
                     Address source, Address destination) {
  std::uint8_t* const out = packet.data();
  out[0] = 0x45;
  out[1] = type_of_service;
  store16(out + ip::kTotalLength, static_cast<std::uint16_t>(packet.size()));
  store16(out + ip::kFragment, ip::kDontFragment);
  out[ip::kTtl] = kTtl;
  out[ip::kProtocol] = static_cast<std::uint8_t>(protocol);
  store32(out + ip::kSource, source.value());
  store32(out + ip::kDestination, destination.value());
  store16(out + ip::kChecksum, internet_checksum({out, ip::kMinimumHeader}));
}

}  // namespace

bool may_answer(const PacketView& view) {
  const Address source = view.source_address();
  const Address destination = view.destination_address();
  return !view.icmp_error() && !view.later_fragment() && !source.unspecified() && !source.multicast() &&
         !source.broadcast() && !source.loopback() && !destination.multicast() && !destination.broadcast();
}

std::span<const std::uint8_t> make_icmp_error(std::vector<std::uint8_t>& buffer, const PacketView& about,
                                              Address source, std::uint8_t type, std::uint8_t code) {
  const std::size_t header = ip::kMinimumHeader + icmp::kHeader;
  const std::size_t quoted = std::min(about.total_length(), kLargestError - header);
  buffer.assign(header + quoted, 0);
  write_ip_header(buffer, Protocol::icmp, about.octets()[1], source, about.source_address());
  std::uint8_t* const message = buffer.data() + ip::kMinimumHeader;
  message[0] = type;
  message[1] = code;
  std::copy_n(about.octets().data(), quoted, message + icmp::kHeader);
  store16(message + icmp::kChecksum, internet_checksum({message, icmp::kHeader + quoted}));
  return buffer;
}

std::span<const std::uint8_t> make_reset(std::vector<std::uint8_t>& buffer, const PacketView& about) {
  buffer.assign(ip::kMinimumHeader + tcp::kHeader, 0);
  write_ip_header(buffer, Protocol::tcp, 0, about.destination_address(), about.source_address());
  const std::uint8_t* const syn = about.transport();
  std::uint8_t* const out = buffer.data() + ip::kMinimumHeader;
  const std::size_t header = (std::size_t{syn[12]} >> 4) * 4;
  const std::size_t data = about.transport_length() - header;
  store16(out, about.destination_port());
  store16(out + 2, about.source_port());
  store32(out + tcp::kAcknowledgment, load32(syn + tcp::kSequence) + 1 + static_cast<std::uint32_t>(data));
  out[12] = tcp::kHeader / 4 << 4;
  out[13] = tcp::kRst | tcp::kAck;
  const std::uint8_t* const addresses = buffer.data() + ip::kSource;
  std::uint32_t pseudo = static_cast<std::uint8_t>(Protocol::tcp) + tcp::kHeader;
  for (std::size_t at = 0; at < 8; at += 2) pseudo += load16(addresses + at);
  store16(out + tcp::kChecksum, internet_checksum({out, tcp::kHeader}, pseudo));
  return buffer;
}

}  // namespace nat
