#include "translation/net/packet.h"

#include <algorithm>

#include "translation/net/checksum.h"

namespace nat {
namespace {

bool is_icmp_error(std::uint8_t type) {
  return type == icmp::kUnreachable || type == icmp::kTimeExceeded || type == icmp::kParameterProblem;
}

bool is_icmp_echo(std::uint8_t type) { return type == icmp::kEcho || type == icmp::kEchoReply; }

}  // namespace

std::optional<Reason> PacketView::parse(std::span<std::uint8_t> octets, PacketView& view) {
  if (octets.size() < ip::kMinimumHeader || (octets[0] >> 4) != 4) return Reason::malformed_ip;
  view = PacketView();
  view.ip_ = octets.data();
  view.header_length_ = (std::size_t{octets[0]} & 0x0f) * 4;
  view.total_length_ = load16(octets.data() + ip::kTotalLength);
  if (view.header_length_ < ip::kMinimumHeader || view.total_length_ < view.header_length_ ||
      view.total_length_ > octets.size()) {
    return Reason::malformed_ip;
  }
  if (view.fragment_offset() + view.transport_length() > 0xffff) return Reason::malformed_ip;
  if (view.header_length_ > ip::kMinimumHeader) {
    const auto options =
        read_ip_options(octets.subspan(ip::kMinimumHeader, view.header_length_ - ip::kMinimumHeader));
    if (!options) return Reason::malformed_ip;
    view.options_ = *options;
  }
  if (view.later_fragment()) return std::nullopt;
  return view.parse_transport();
}

std::optional<Reason> PacketView::parse_transport() {
  const std::size_t length = transport_length();
  const Reason too_short = fragmented() ? Reason::fragment_tiny : Reason::malformed_transport;
  switch (ip_protocol()) {
    case static_cast<std::uint8_t>(Protocol::tcp): {
      if (length < tcp::kHeader) return too_short;
      const std::size_t header = (std::size_t{transport()[12]} >> 4) * 4;
      if (header < tcp::kHeader) return Reason::malformed_transport;
      if (header > length) return too_short;
      break;
    }
    case static_cast<std::uint8_t>(Protocol::udp): {
      if (length < udp::kHeader) return too_short;
      const std::size_t stated = load16(transport() + 4);
      if (stated < udp::kHeader || (!fragmented() && stated > length)) return Reason::malformed_transport;
      break;
    }
    case static_cast<std::uint8_t>(Protocol::icmp):
      if (length < icmp::kHeader) return too_short;
      icmp_error_ = is_icmp_error(icmp_type());
      if (!icmp_error_ && !is_icmp_echo(icmp_type())) return std::nullopt;
      break;
    default:
      return std::nullopt;
  }
  translatable_ = true;
  return std::nullopt;
}

std::optional<Reason> PacketView::quote(Quote& quote) const {
  const std::size_t room = transport_length() - icmp::kHeader;
  std::uint8_t* const inner = transport() + icmp::kHeader;
  if (room < ip::kMinimumHeader || (inner[0] >> 4) != 4) return Reason::icmp_quote_malformed;
  const std::size_t header = (std::size_t{inner[0]} & 0x0f) * 4;
  const std::size_t total = load16(inner + ip::kTotalLength);
  // RFC 4884 section 5: a length in 32-bit words, zero when there is no extension.
  const std::size_t stated = std::size_t{transport()[5]} * 4;
  const std::size_t quoted = std::min({room, total, stated == 0 ? room : stated});
  if (header < ip::kMinimumHeader || quoted < header + 8 ||
      (load16(inner + ip::kFragment) & ip::kOffsetMask) != 0) {
    return Reason::icmp_quote_malformed;
  }
  const auto options = read_ip_options({inner + ip::kMinimumHeader, header - ip::kMinimumHeader});
  if (!options) return Reason::icmp_quote_malformed;
  quote.address_options = options->addresses;
  quote.checksum_right = internet_checksum({inner, header}) == 0;
  quote.ip = inner;
  quote.transport = inner + header;
  quote.transport_length = quoted - header;
  quote.query = false;
  switch (inner[ip::kProtocol]) {
    case static_cast<std::uint8_t>(Protocol::tcp):
      quote.protocol = Protocol::tcp;
      break;
    case static_cast<std::uint8_t>(Protocol::udp):
      quote.protocol = Protocol::udp;
      break;
    case static_cast<std::uint8_t>(Protocol::icmp):
      // An error is never sent about an error (RFC 1122 section 3.2.2), so only an echo can be quoted.
      if (!is_icmp_echo(quote.transport[0])) return Reason::icmp_quote_malformed;
      quote.protocol = Protocol::icmp;
      quote.query = true;
      break;
    default:
      return Reason::icmp_no_session;
  }
  const std::uint16_t identifier = load16(quote.transport + icmp::kIdentifier);
  quote.source = {Address(load32(inner + ip::kSource)), quote.query ? identifier : load16(quote.transport)};
  quote.destination = {Address(load32(inner + ip::kDestination)),
                       quote.query ? identifier : load16(quote.transport + 2)};
  return std::nullopt;
}

std::optional<std::array<Address, 2>> PacketView::quoted_addresses() const {
  const std::uint8_t* const inner = transport() + icmp::kHeader;
  if (transport_length() < icmp::kHeader + ip::kMinimumHeader) return std::nullopt;
  return std::array{Address(load32(inner + ip::kSource)), Address(load32(inner + ip::kDestination))};
}

std::string describe(const PacketView& view) {
  if (view.translatable() && !view.icmp_error()) {
    return std::string(to_string(view.protocol())) + " " + view.source().to_string() + " > " +
           view.destination().to_string();
  }
  return "protocol " + std::to_string(view.ip_protocol()) + " " + view.source_address().to_string() + " > " +
         view.destination_address().to_string();
}

}  // namespace nat
