// An endpoint: an address with a port, or with a query identifier where the protocol is ICMP (RFC 5508
// section 3 treats the identifier as the port of a query session).
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "translation/net/address.h"

namespace nat {

enum class Protocol : std::uint8_t { icmp = 1, tcp = 6, udp = 17 };

// "icmp", "tcp", "udp".
const char* to_string(Protocol protocol);
std::optional<Protocol> parse_protocol(std::string_view text);
// By the number in the IP header; nothing for those that natd does not translate.
std::optional<Protocol> protocol_of(std::uint8_t number);

// The three protocols natd translates, for tables that hold one thing for each.
inline constexpr Protocol kProtocols[] = {Protocol::udp, Protocol::tcp, Protocol::icmp};
constexpr std::size_t index_of(Protocol protocol) {
  return protocol == Protocol::udp ? 0 : protocol == Protocol::tcp ? 1 : 2;
}

struct Endpoint {
  Address address;
  std::uint16_t port = 0;

  // "192.0.2.1:80".
  static std::optional<Endpoint> parse(std::string_view text);
  std::string to_string() const;

  constexpr auto operator<=>(const Endpoint&) const = default;
};

// The side of the gateway: internal is the side of the hosts it serves, external the side of the Internet.
enum class Realm : std::uint8_t { internal, external };

const char* to_string(Realm realm);

}  // namespace nat
