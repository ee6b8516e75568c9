// An IPv4 address, and blocks of them, as values.
//
// The value is held in host byte order so that ranges compare as expected; packet code converts at the
// edge (see packet.h).
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nat {

class Address {
 public:
  constexpr Address() = default;
  constexpr explicit Address(std::uint32_t host_order) : value_(host_order) {}
  constexpr Address(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d)
      : value_((std::uint32_t{a} << 24) | (std::uint32_t{b} << 16) | (std::uint32_t{c} << 8) | d) {}

  // Dotted quad only: four decimal numbers without leading zeros. Nothing is resolved.
  static std::optional<Address> parse(std::string_view text);

  constexpr std::uint32_t value() const { return value_; }
  constexpr bool unspecified() const { return value_ == 0; }
  constexpr bool loopback() const { return (value_ >> 24) == 127; }
  constexpr bool multicast() const { return (value_ >> 28) == 0xe; }
  constexpr bool broadcast() const { return value_ == 0xffffffff; }
  // Of a network that the Internet has no route to (RFC 1918, RFC 6598, RFC 3927).
  constexpr bool private_use() const {
    return (value_ >> 24) == 10 || (value_ >> 20) == 0xac1 || (value_ >> 16) == 0xc0a8 ||
           (value_ >> 22) == 0x191 || (value_ >> 16) == 0xa9fe;
  }
  std::string to_string() const;

  constexpr auto operator<=>(const Address&) const = default;

 private:
  std::uint32_t value_ = 0;
};

// An address with a prefix length, 0 to 32. Bits beyond the prefix are zero.
class Prefix {
 public:
  constexpr Prefix() = default;
  constexpr Prefix(Address address, unsigned length)
      : network_(length == 0 ? 0U : address.value() & mask(length)), length_(length) {}

  // "10.0.0.0/8", or an address alone for a /32.
  static std::optional<Prefix> parse(std::string_view text);

  constexpr bool contains(Address address) const {
    return length_ == 0 || (address.value() & mask(length_)) == network_;
  }
  constexpr Address network() const { return Address(network_); }
  constexpr unsigned length() const { return length_; }
  std::string to_string() const;

  constexpr bool operator==(const Prefix&) const = default;

 private:
  static constexpr std::uint32_t mask(unsigned length) { return ~std::uint32_t{0} << (32 - length); }

  std::uint32_t network_ = 0;
  unsigned length_ = 0;
};

}  // namespace nat
