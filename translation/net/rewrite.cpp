#include "translation/net/rewrite.h"

#include <algorithm>
#include <array>

#include "translation/net/checksum.h"
#include "translation/net/ip_options.h"

namespace nat {
namespace {

enum class Side { source, destination };

constexpr std::size_t address_offset(Side side) {
  return side == Side::source ? ip::kSource : ip::kDestination;
}

// Where the port or identifier of that side is, in the transport header.
constexpr std::size_t port_offset(Side side, bool query) {
  if (query) return icmp::kIdentifier;
  return side == Side::source ? 0 : 2;
}

constexpr std::size_t checksum_offset(Protocol protocol) {
  switch (protocol) {
    case Protocol::tcp:
      return tcp::kChecksum;
    case Protocol::udp:
      return udp::kChecksum;
    case Protocol::icmp:
      break;
  }
  return icmp::kChecksum;
}

// Writes the address and mends the IP header's checksum. Returns the change, for the pseudo-header.
ChecksumDelta change_address(std::uint8_t* ip_header, Side side, Address address) {
  std::uint8_t* const field = ip_header + address_offset(side);
  ChecksumDelta delta;
  delta.change32(load32(field), address.value());
  store32(field, address.value());
  store16(ip_header + ip::kChecksum, delta.apply(load16(ip_header + ip::kChecksum)));
  return delta;
}

// Blanks the options of an IP header in which addresses travel. Returns the change, for its checksum.
ChecksumDelta blank_options(std::span<std::uint8_t> header) {
  constexpr std::size_t kMost = 60;
  std::array<std::uint8_t, kMost> before{};
  std::copy(header.begin(), header.end(), before.begin());
  blank_address_options(header.subspan(ip::kMinimumHeader));
  ChecksumDelta delta;
  for (std::size_t at = ip::kMinimumHeader; at < header.size(); at += 2) {
    delta.change16(load16(&before[at]), load16(&header[at]));
  }
  return delta;
}

// RFC 768: a UDP checksum of zero means none was made, so a sum of zero is sent as all ones.
std::uint16_t updated(Protocol protocol, std::uint16_t checksum, const ChecksumDelta& delta) {
  if (protocol != Protocol::udp) return delta.apply(checksum);
  if (checksum == 0) return 0;
  const std::uint16_t result = delta.apply(checksum);
  return result == 0 ? 0xffff : result;
}

void rewrite(const PacketView& view, Side side, Endpoint endpoint, ChecksumState checksum) {
  const ChecksumDelta address = change_address(view.octets().data(), side, endpoint.address);
  if (view.later_fragment()) return;
  const bool query = view.icmp_query();
  std::uint8_t* const port = view.transport() + port_offset(side, query);
  std::uint8_t* const sum = view.transport() + checksum_offset(view.protocol());
  ChecksumDelta change;
  change.change16(load16(port), endpoint.port);
  store16(port, endpoint.port);
  if (checksum == ChecksumState::partial && !query) {
    store16(sum, address.apply_to_partial(load16(sum)));
    return;
  }
  if (!query) change.add(address);
  store16(sum, updated(view.protocol(), load16(sum), change));
}

void rewrite_quote(const PacketView& view, Quote& quote, Side side, Endpoint endpoint) {
  ChecksumDelta outer;
  const std::uint16_t header_sum = load16(quote.ip + ip::kChecksum);
  const ChecksumDelta address = change_address(quote.ip, side, endpoint.address);
  outer.add(address).change16(header_sum, load16(quote.ip + ip::kChecksum));

  std::uint8_t* const port = quote.transport + port_offset(side, quote.query);
  ChecksumDelta change;
  change.change16(load16(port), endpoint.port);
  store16(port, endpoint.port);
  outer.add(change);

  const std::size_t at = checksum_offset(quote.protocol);
  if (quote.transport_length >= at + 2) {
    if (!quote.query) change.add(address);
    const std::uint16_t before = load16(quote.transport + at);
    const std::uint16_t after = updated(quote.protocol, before, change);
    store16(quote.transport + at, after);
    outer.change16(before, after);
  }
  std::uint8_t* const sum = view.transport() + icmp::kChecksum;
  store16(sum, outer.apply(load16(sum)));
  (side == Side::source ? quote.source : quote.destination) = endpoint;
}

}  // namespace

void rewrite_source(const PacketView& view, Endpoint source, ChecksumState checksum) {
  rewrite(view, Side::source, source, checksum);
}

void rewrite_destination(const PacketView& view, Endpoint destination, ChecksumState checksum) {
  rewrite(view, Side::destination, destination, checksum);
}

void rewrite_identification(const PacketView& view, std::uint16_t identification) {
  std::uint8_t* const header = view.octets().data();
  ChecksumDelta delta;
  delta.change16(view.identification(), identification);
  store16(header + ip::kIdentification, identification);
  store16(header + ip::kChecksum, delta.apply(load16(header + ip::kChecksum)));
}

void rewrite_payload(const PacketView& view, Endpoint from, Endpoint to, ChecksumState checksum) {
  if (view.later_fragment() || view.protocol() == Protocol::icmp) return;
  std::uint8_t* const transport = view.transport();
  const bool tcp = view.protocol() == Protocol::tcp;
  const std::size_t length = view.transport_length();
  std::size_t at = tcp ? (std::size_t{transport[12]} >> 4) * 4 : udp::kHeader;
  ChecksumDelta change;
  while (at + 4 <= length) {
    if (load32(transport + at) != from.address.value()) {
      ++at;
      continue;
    }
    const bool port = at + 6 <= length && load16(transport + at + 4) == from.port;
    const std::size_t end = at + (port ? 6 : 4);
    // The words of the checksum that the octets are in, which need not begin where they do.
    const auto word = [&](std::size_t number) {
      const std::size_t begin = at / 2 * 2 + 2 * number;
      if (begin >= end) return std::uint16_t{0};
      return begin + 1 < length ? load16(transport + begin)
                                : static_cast<std::uint16_t>(transport[begin] << 8);
    };
    const std::array<std::uint16_t, 4> before{word(0), word(1), word(2), word(3)};
    store32(transport + at, to.address.value());
    if (port) store16(transport + at + 4, to.port);
    for (std::size_t number = 0; number < before.size(); ++number) {
      change.change16(before[number], word(number));
    }
    at = end;
  }
  if (checksum == ChecksumState::partial) return;  // whoever finishes it reads the payload as it is now
  std::uint8_t* const sum = transport + checksum_offset(view.protocol());
  store16(sum, updated(view.protocol(), load16(sum), change));
}

void rewrite_quote_source(const PacketView& view, Quote& quote, Endpoint source) {
  rewrite_quote(view, quote, Side::source, source);
}

void rewrite_quote_destination(const PacketView& view, Quote& quote, Endpoint destination) {
  rewrite_quote(view, quote, Side::destination, destination);
}

void blank_address_options(const PacketView& view) {
  std::uint8_t* const header = view.octets().data();
  const ChecksumDelta change = blank_options({header, view.header_length()});
  store16(header + ip::kChecksum, change.apply(load16(header + ip::kChecksum)));
}

void blank_quote_address_options(const PacketView& view, const Quote& quote) {
  ChecksumDelta outer = blank_options({quote.ip, static_cast<std::size_t>(quote.transport - quote.ip)});
  const std::uint16_t before = load16(quote.ip + ip::kChecksum);
  const std::uint16_t after = outer.apply(before);
  store16(quote.ip + ip::kChecksum, after);
  outer.change16(before, after);
  std::uint8_t* const sum = view.transport() + icmp::kChecksum;
  store16(sum, outer.apply(load16(sum)));
}

void rewrite_source_address(const PacketView& view, Address source) {
  change_address(view.octets().data(), Side::source, source);
}

void rewrite_destination_address(const PacketView& view, Address destination) {
  change_address(view.octets().data(), Side::destination, destination);
}

}  // namespace nat
