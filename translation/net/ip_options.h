// The options of an IPv4 header (RFC 791 section 3.1), as far as a NAT must know them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace nat {

struct IpOptions {
  bool source_route = false;
  // One in which addresses travel, those of the internal side too: record route, timestamp, traceroute,
  // extended addresses, destinations (RFC 7126 sections 4.5, 4.7, 4.11, 4.17 and 4.18).
  bool addresses = false;
};

// `options` are the octets behind the first twenty of the header. Nothing when one runs out of them.
std::optional<IpOptions> read_ip_options(std::span<const std::uint8_t> options);

// Writes the option that does nothing over each in which addresses travel. The options must have been read.
void blank_address_options(std::span<std::uint8_t> options);

}  // namespace nat
