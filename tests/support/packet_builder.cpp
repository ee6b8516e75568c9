#include "tests/support/packet_builder.h"

#include <algorithm>

#include "tests/support/checksums.h"
#include "translation/net/wire.h"

namespace nat::test {
namespace {

Octets icmp_header(std::uint8_t type, std::uint8_t code) { return {type, code, 0, 0, 0, 0, 0, 0}; }

std::size_t transport_at(const Octets& packet) { return (packet[0] & 0x0fU) * 4; }

}  // namespace

PacketBuilder::PacketBuilder(std::uint8_t protocol, Address source, Address destination, Octets transport)
    : protocol_(protocol), source_(source), destination_(destination), transport_(std::move(transport)) {}

PacketBuilder& PacketBuilder::ttl(std::uint8_t value) {
  ttl_ = value;
  return *this;
}

PacketBuilder& PacketBuilder::type_of_service(std::uint8_t value) {
  type_of_service_ = value;
  return *this;
}

PacketBuilder& PacketBuilder::identification(std::uint16_t value) {
  identification_ = value;
  return *this;
}

PacketBuilder& PacketBuilder::may_fragment() {
  dont_fragment_ = false;
  return *this;
}

PacketBuilder& PacketBuilder::ip_options(Octets raw) {
  ip_options_ = std::move(raw);
  return *this;
}

PacketBuilder& PacketBuilder::sequence(std::uint32_t value) {
  store32(transport_.data() + 4, value);
  return *this;
}

PacketBuilder& PacketBuilder::acknowledge(std::uint32_t value) {
  store32(transport_.data() + 8, value);
  return *this;
}

PacketBuilder& PacketBuilder::window(std::uint16_t value) {
  store16(transport_.data() + 14, value);
  return *this;
}

PacketBuilder& PacketBuilder::tcp_options(Octets raw) {
  transport_[12] = static_cast<std::uint8_t>((5 + raw.size() / 4) << 4);
  transport_.insert(transport_.end(), raw.begin(), raw.end());
  return *this;
}

PacketBuilder& PacketBuilder::rest_of_header(std::uint32_t value) {
  store32(transport_.data() + 4, value);
  return *this;
}

PacketBuilder& PacketBuilder::payload(Octets raw) {
  payload_ = std::move(raw);
  return *this;
}

PacketBuilder& PacketBuilder::no_checksum() {
  no_checksum_ = true;
  return *this;
}

PacketBuilder& PacketBuilder::broken() {
  broken_ = true;
  return *this;
}

Octets PacketBuilder::build() const {
  const std::size_t header = 20 + ip_options_.size();
  Octets packet(20);
  packet[0] = static_cast<std::uint8_t>(0x40 | header / 4);
  packet[1] = type_of_service_;
  store16(packet.data() + ip::kTotalLength,
          static_cast<std::uint16_t>(header + transport_.size() + payload_.size()));
  store16(packet.data() + ip::kIdentification, identification_);
  store16(packet.data() + ip::kFragment, dont_fragment_ ? ip::kDontFragment : std::uint16_t{0});
  packet[ip::kTtl] = ttl_;
  packet[ip::kProtocol] = protocol_;
  store32(packet.data() + ip::kSource, source_.value());
  store32(packet.data() + ip::kDestination, destination_.value());
  packet.insert(packet.end(), ip_options_.begin(), ip_options_.end());
  packet.insert(packet.end(), transport_.begin(), transport_.end());
  packet.insert(packet.end(), payload_.begin(), payload_.end());
  if (protocol_ == 17) {
    store16(packet.data() + header + 4, static_cast<std::uint16_t>(transport_.size() + payload_.size()));
  }
  fix_ip_checksum(packet);
  const bool known = protocol_ == 1 || protocol_ == 6 || protocol_ == 17;
  if (known && !no_checksum_) fix_transport_checksum(packet);
  if (broken_) packet.back() ^= 0x55;
  return packet;
}

PacketBuilder udp(Endpoint source, Endpoint destination) {
  Octets header(8);
  store16(header.data(), source.port);
  store16(header.data() + 2, destination.port);
  return {17, source.address, destination.address, std::move(header)};
}

PacketBuilder tcp(Endpoint source, Endpoint destination, std::uint8_t flags) {
  Octets header(20);
  store16(header.data(), source.port);
  store16(header.data() + 2, destination.port);
  store32(header.data() + 4, 1000);
  if (flags & kAck) store32(header.data() + 8, 1000);
  header[12] = 0x50;
  header[13] = flags;
  store16(header.data() + 14, 8192);
  return {6, source.address, destination.address, std::move(header)};
}

PacketBuilder echo(Address source, Address destination, std::uint16_t identifier) {
  Octets header = icmp_header(8, 0);
  store16(header.data() + 4, identifier);
  store16(header.data() + 6, 1);
  return {1, source, destination, std::move(header)};
}

PacketBuilder echo_reply(Address source, Address destination, std::uint16_t identifier) {
  Octets header = icmp_header(0, 0);
  store16(header.data() + 4, identifier);
  store16(header.data() + 6, 1);
  return {1, source, destination, std::move(header)};
}

PacketBuilder icmp_error(Address source, Address destination, std::uint8_t type, std::uint8_t code,
                         const Octets& about, std::size_t quoted) {
  const auto end = about.begin() + static_cast<std::ptrdiff_t>(std::min(quoted, about.size()));
  return PacketBuilder(1, source, destination, icmp_header(type, code)).payload(Octets(about.begin(), end));
}

PacketBuilder other_protocol(Address source, Address destination, std::uint8_t protocol) {
  return PacketBuilder(protocol, source, destination, {}).payload("carried by some other protocol");
}

Address source_address_of(const Octets& packet) { return Address(load32(packet.data() + ip::kSource)); }

Address destination_address_of(const Octets& packet) {
  return Address(load32(packet.data() + ip::kDestination));
}

Endpoint source_of(const Octets& packet) {
  return {source_address_of(packet), load16(packet.data() + transport_at(packet))};
}

Endpoint destination_of(const Octets& packet) {
  return {destination_address_of(packet), load16(packet.data() + transport_at(packet) + 2)};
}

std::uint16_t identification_of(const Octets& packet) { return load16(packet.data() + ip::kIdentification); }

std::uint16_t identifier_of(const Octets& packet) {
  return load16(packet.data() + transport_at(packet) + icmp::kIdentifier);
}

Octets quote_of(const Octets& error) {
  return {error.begin() + static_cast<std::ptrdiff_t>(transport_at(error) + icmp::kHeader), error.end()};
}

Octets payload_of(const Octets& packet) {
  const std::size_t at = transport_at(packet);
  const std::size_t header = packet[ip::kProtocol] == 6 ? (packet[at + 12] >> 4) * std::size_t{4} : 8;
  return {packet.begin() + static_cast<std::ptrdiff_t>(at + header), packet.end()};
}

}  // namespace nat::test
