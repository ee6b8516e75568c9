#include "tests/support/leak_watch.h"

#include <algorithm>
#include <set>
#include <span>

#include "tests/support/checksums.h"
#include "translation/net/wire.h"

namespace nat::test {
namespace {

// RFC 7126 sections 4.5, 4.7, 4.11, 4.17 and 4.18.
const std::set<std::uint8_t>& address_kinds() {
  static const std::set<std::uint8_t> kinds{7, 68, 82, 147, 149};
  return kinds;
}

// The place and length of each option in which addresses travel.
std::vector<std::pair<std::size_t, std::size_t>> address_options(std::span<const std::uint8_t> packet) {
  std::vector<std::pair<std::size_t, std::size_t>> found;
  const std::size_t end = std::min<std::size_t>((packet[0] & 0xfU) * 4U, packet.size());
  std::size_t at = 20;
  while (at < end && packet[at] != 0) {
    if (packet[at] == 1) {
      ++at;
      continue;
    }
    if (at + 1 >= end || packet[at + 1] < 2 || at + packet[at + 1] > end) break;
    if (address_kinds().contains(packet[at])) found.emplace_back(at, packet[at + 1]);
    at += packet[at + 1];
  }
  return found;
}

bool is_error(std::span<const std::uint8_t> packet) {
  const std::size_t header = (packet[0] & 0xfU) * 4U;
  const bool first = (load16(&packet[6]) & 0x1fff) == 0;
  if (packet[9] != 1 || !first || packet.size() < header + 8 + 20) return false;
  return packet[header] == 3 || packet[header] == 11 || packet[header] == 12;
}

// Of one header, its own or a quoted one.
std::string leak_of_header(std::span<const std::uint8_t> packet,
                           const std::function<bool(Address)>& internal) {
  const auto shows = [&](std::size_t at) { return internal(Address(load32(&packet[at]))); };
  if (shows(12)) return "source";
  if (shows(16)) return "destination";
  for (const auto& [begin, length] : address_options(packet)) {
    for (std::size_t at = begin + 2; at + 4 <= begin + length; ++at) {
      if (shows(at)) return "option " + std::to_string(packet[begin]);
    }
  }
  return {};
}

}  // namespace

std::string leak_of(const Octets& packet, const std::function<bool(Address)>& internal) {
  if (packet.size() < 20) return {};
  const Address receiver(load32(&packet[16]));
  const auto tells = [&](Address address) { return address != receiver && internal(address); };
  if (std::string leak = leak_of_header(packet, tells); !leak.empty()) return leak + " of the header";
  if (!is_error(packet)) return {};
  const std::string leak = leak_of_header(std::span(packet).subspan((packet[0] & 0xfU) * 4U + 8), tells);
  return leak.empty() ? leak : leak + " of the quoted header";
}

Octets recording_option(Address recorded, std::uint8_t kind) {
  Octets option{kind, 7, 8, 0, 0, 0, 0, 0};
  store32(&option[3], recorded.value());
  return option;
}

Octets with_options(Octets packet, const Octets& options) {
  packet.insert(packet.begin() + 20, options.begin(), options.end());
  packet[0] = static_cast<std::uint8_t>(0x45U + options.size() / 4);
  store16(&packet[2], static_cast<std::uint16_t>(packet.size()));
  fix_ip_checksum(packet);
  return packet;
}

Octets without_address_options(Octets packet) {
  for (const auto& [at, length] : address_options(packet)) {
    std::fill_n(packet.begin() + static_cast<std::ptrdiff_t>(at), length, std::uint8_t{1});
  }
  fix_ip_checksum(packet);
  return packet;
}

}  // namespace nat::test
