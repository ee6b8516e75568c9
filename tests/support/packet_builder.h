// Packets as a test says them: udp("10.0.0.1:4321", "192.0.2.31:53").payload("hello").build(). Everything not
// said is ordinary: time to live 64, identification 1, don't-fragment set, right checksums.
#pragma once

#include <string_view>

#include "tests/support/octets.h"

namespace nat::test {

inline constexpr std::uint8_t kFin = 1, kSyn = 2, kRst = 4, kPush = 8, kAck = 16;

class PacketBuilder {
 public:
  PacketBuilder(std::uint8_t protocol, Address source, Address destination, Octets transport);

  // IP header.
  PacketBuilder& ttl(std::uint8_t value);
  PacketBuilder& type_of_service(std::uint8_t value);
  PacketBuilder& identification(std::uint16_t value);
  PacketBuilder& may_fragment();          // clears don't-fragment
  PacketBuilder& ip_options(Octets raw);  // a multiple of four octets

  // TCP.
  PacketBuilder& sequence(std::uint32_t value);
  PacketBuilder& acknowledge(std::uint32_t value);
  PacketBuilder& window(std::uint16_t value);
  PacketBuilder& tcp_options(Octets raw);  // a multiple of four octets

  // ICMP: the second word of the message (next-hop MTU, RFC 4884 length).
  PacketBuilder& rest_of_header(std::uint32_t value);

  PacketBuilder& payload(Octets raw);
  PacketBuilder& payload(std::string_view text) { return payload(octets(text)); }
  // UDP without a checksum.
  PacketBuilder& no_checksum();
  // A wrong transport checksum.
  PacketBuilder& broken();

  Octets build() const;
  operator Octets() const { return build(); }  // NOLINT: the very purpose

 private:
  std::uint8_t protocol_;
  Address source_, destination_;
  std::uint8_t ttl_ = 64;
  std::uint8_t type_of_service_ = 0;
  std::uint16_t identification_ = 1;
  bool dont_fragment_ = true;
  Octets ip_options_;
  Octets transport_;
  Octets payload_;
  bool no_checksum_ = false;
  bool broken_ = false;
};

PacketBuilder udp(Endpoint source, Endpoint destination);
PacketBuilder tcp(Endpoint source, Endpoint destination, std::uint8_t flags);
PacketBuilder echo(Address source, Address destination, std::uint16_t identifier);
PacketBuilder echo_reply(Address source, Address destination, std::uint16_t identifier);
// Quotes the first `quoted` octets of `about`, all of it by default.
PacketBuilder icmp_error(Address source, Address destination, std::uint8_t type, std::uint8_t code,
                         const Octets& about, std::size_t quoted = SIZE_MAX);
PacketBuilder other_protocol(Address source, Address destination, std::uint8_t protocol);

inline PacketBuilder udp(std::string_view source, std::string_view destination) {
  return udp(endpoint(source), endpoint(destination));
}
inline PacketBuilder tcp(std::string_view source, std::string_view destination, std::uint8_t flags) {
  return tcp(endpoint(source), endpoint(destination), flags);
}
inline PacketBuilder echo(std::string_view source, std::string_view destination, std::uint16_t identifier) {
  return echo(address(source), address(destination), identifier);
}
inline PacketBuilder echo_reply(std::string_view source, std::string_view destination,
                                std::uint16_t identifier) {
  return echo_reply(address(source), address(destination), identifier);
}
inline PacketBuilder icmp_error(std::string_view source, std::string_view destination, std::uint8_t type,
                                std::uint8_t code, const Octets& about, std::size_t quoted = SIZE_MAX) {
  return icmp_error(address(source), address(destination), type, code, about, quoted);
}

// Reading packets that came out.
Endpoint source_of(const Octets& packet);
Endpoint destination_of(const Octets& packet);
Address source_address_of(const Octets& packet);
Address destination_address_of(const Octets& packet);
std::uint16_t identification_of(const Octets& packet);
// Of an ICMP echo.
std::uint16_t identifier_of(const Octets& packet);
// The packet an ICMP error quotes.
Octets quote_of(const Octets& error);
Octets payload_of(const Octets& packet);

}  // namespace nat::test
