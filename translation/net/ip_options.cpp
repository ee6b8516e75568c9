#include "translation/net/ip_options.h"

#include <algorithm>

#include "translation/net/wire.h"

namespace nat {
namespace {

bool carries_addresses(std::uint8_t kind) {
  return kind == ip::kOptionRecordRoute || kind == ip::kOptionTimestamp || kind == ip::kOptionTraceroute ||
         kind == ip::kOptionAddressExtension || kind == ip::kOptionMultipleDestinations;
}

// Calls `visit` with each option that has a length, as a span. False when one runs out of the header.
template <typename Octet, typename Visit>
bool for_each_option(std::span<Octet> options, Visit&& visit) {
  for (std::size_t at = 0; at < options.size() && options[at] != ip::kOptionEnd;) {
    if (options[at] == ip::kOptionNop) {
      ++at;
      continue;
    }
    if (at + 1 >= options.size()) return false;
    const std::size_t length = options[at + 1];
    if (length < 2 || at + length > options.size()) return false;
    visit(options.subspan(at, length));
    at += length;
  }
  return true;
}

}  // namespace

std::optional<IpOptions> read_ip_options(std::span<const std::uint8_t> options) {
  IpOptions found;
  const bool whole = for_each_option(options, [&](std::span<const std::uint8_t> option) {
    if (option[0] == ip::kOptionLooseRoute || option[0] == ip::kOptionStrictRoute) found.source_route = true;
    if (carries_addresses(option[0])) found.addresses = true;
  });
  if (!whole) return std::nullopt;
  return found;
}

void blank_address_options(std::span<std::uint8_t> options) {
  for_each_option(options, [](std::span<std::uint8_t> option) {
    if (carries_addresses(option[0])) std::fill(option.begin(), option.end(), ip::kOptionNop);
  });
}

}  // namespace nat
