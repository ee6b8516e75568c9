#include "tests/support/fragments.h"

#include <algorithm>

#include "tests/support/checksums.h"
#include "translation/net/wire.h"

namespace nat::test {
namespace {

std::size_t header_length(const Octets& packet) { return (packet[0] & 0x0fU) * 4; }

std::size_t offset_of(const Octets& fragment) {
  return (load16(fragment.data() + ip::kFragment) & std::size_t{ip::kOffsetMask}) * 8;
}

bool more(const Octets& fragment) {
  return (load16(fragment.data() + ip::kFragment) & ip::kMoreFragments) != 0;
}

}  // namespace

std::vector<Octets> cut(const Octets& datagram, std::size_t size) {
  const std::size_t header = header_length(datagram);
  const std::size_t length = datagram.size() - header;
  std::vector<Octets> fragments;
  for (std::size_t offset = 0; offset < length; offset += size) {
    const std::size_t here = std::min(size, length - offset);
    const std::size_t own_header = offset == 0 ? header : 20;
    const auto begin = datagram.begin() + static_cast<std::ptrdiff_t>(header + offset);
    Octets fragment(datagram.begin(), datagram.begin() + static_cast<std::ptrdiff_t>(own_header));
    fragment.insert(fragment.end(), begin, begin + static_cast<std::ptrdiff_t>(here));
    fragment[0] = static_cast<std::uint8_t>(0x40 | own_header / 4);
    store16(fragment.data() + ip::kTotalLength, static_cast<std::uint16_t>(fragment.size()));
    const bool last = offset + here == length;
    store16(fragment.data() + ip::kFragment,
            static_cast<std::uint16_t>(offset / 8 | (last ? 0U : ip::kMoreFragments)));
    fix_ip_checksum(fragment);
    fragments.push_back(std::move(fragment));
  }
  return fragments;
}

std::optional<Octets> join(std::vector<Octets> fragments) {
  std::sort(fragments.begin(), fragments.end(),
            [](const Octets& a, const Octets& b) { return offset_of(a) < offset_of(b); });
  if (fragments.empty() || offset_of(fragments[0]) != 0 || more(fragments.back())) return std::nullopt;
  const Octets& first = fragments[0];
  Octets datagram = first;
  for (std::size_t i = 1; i < fragments.size(); ++i) {
    const Octets& fragment = fragments[i];
    const bool same =
        load32(fragment.data() + ip::kSource) == load32(first.data() + ip::kSource) &&
        load32(fragment.data() + ip::kDestination) == load32(first.data() + ip::kDestination) &&
        load16(fragment.data() + ip::kIdentification) == load16(first.data() + ip::kIdentification) &&
        fragment[ip::kProtocol] == first[ip::kProtocol];
    if (!same || !more(fragments[i - 1])) return std::nullopt;
    if (offset_of(fragment) != datagram.size() - header_length(first)) return std::nullopt;
    const auto data = fragment.begin() + static_cast<std::ptrdiff_t>(header_length(fragment));
    datagram.insert(datagram.end(), data, fragment.end());
  }
  store16(datagram.data() + ip::kTotalLength, static_cast<std::uint16_t>(datagram.size()));
  store16(datagram.data() + ip::kFragment, 0);
  fix_ip_checksum(datagram);
  return datagram;
}

}  // namespace nat::test
