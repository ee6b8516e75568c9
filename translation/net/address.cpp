#include "translation/net/address.h"

#include <charconv>

namespace nat {
namespace {

// Reads a decimal number without sign or leading zeros, at most `maximum`, and removes it from the text.
std::optional<std::uint32_t> take_number(std::string_view& text, std::uint32_t maximum) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || value > maximum) return std::nullopt;
  const auto length = static_cast<std::size_t>(end - text.data());
  if (length > 1 && text.front() == '0') return std::nullopt;
  text.remove_prefix(length);
  return value;
}

}  // namespace

std::optional<Address> Address::parse(std::string_view text) {
  std::uint32_t value = 0;
  for (int octet = 0; octet < 4; ++octet) {
    if (octet > 0) {
      if (text.empty() || text.front() != '.') return std::nullopt;
      text.remove_prefix(1);
    }
    const auto number = take_number(text, 255);
    if (!number) return std::nullopt;
    value = (value << 8) | *number;
  }
  if (!text.empty()) return std::nullopt;
  return Address(value);
}

std::string Address::to_string() const {
  std::string text;
  for (int shift = 24; shift >= 0; shift -= 8) {
    text += std::to_string((value_ >> shift) & 0xff);
    if (shift > 0) text += '.';
  }
  return text;
}

std::optional<Prefix> Prefix::parse(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = Address::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  if (slash == std::string_view::npos) return Prefix(*address, 32);
  std::string_view rest = text.substr(slash + 1);
  const auto length = take_number(rest, 32);
  if (!length || !rest.empty()) return std::nullopt;
  return Prefix(*address, *length);
}

std::string Prefix::to_string() const { return network().to_string() + "/" + std::to_string(length_); }

}  // namespace nat
