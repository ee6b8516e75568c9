// Any octets are either a packet that every accessor may be asked about, or are refused with a reason. A
// rewrite there and back restores every octet but the representation of a zero checksum, and touches nothing
// but addresses, ports and checksums.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "translation/net/packet.h"
#include "translation/net/rewrite.h"
#include "translation/protocols/tcp_tracker.h"

using namespace nat;

namespace {

void must(bool holds) {
  if (!holds) std::abort();
}

void check_accessors(const PacketView& view, std::size_t size) {
  must(view.total_length() <= size);
  must(view.header_length() <= view.total_length());
  must(!describe(view).empty());
  must(!view.translatable() || view.transport_length() >= 8);
  must(!(view.later_fragment() && view.translatable()));
}

// Which octets may differ after a rewrite: the IP checksum, the addresses, and two ports and a checksum.
bool may_change(const PacketView& view, std::size_t at) {
  if (at == 10 || at == 11 || (at >= 12 && at < 20)) return true;
  if (view.later_fragment() || at < view.header_length()) return false;
  const std::size_t in_transport = at - view.header_length();
  switch (view.protocol()) {
    case Protocol::udp:
      return in_transport < 4 || in_transport == 6 || in_transport == 7;
    case Protocol::tcp:
      return in_transport < 4 || in_transport == 16 || in_transport == 17;
    case Protocol::icmp:
      break;
  }
  return (in_transport >= 2 && in_transport < 6);
}

void check_rewrite(const std::vector<std::uint8_t>& original, ChecksumState state) {
  std::vector<std::uint8_t> packet = original;
  PacketView view;
  if (PacketView::parse(packet, view) || !view.translatable() || view.icmp_error()) return;
  const Endpoint source = view.source();
  const Endpoint destination = view.destination();
  rewrite_source(view, {Address(203, 0, 113, 11), 40000}, state);
  if (!view.icmp_query()) rewrite_destination(view, {Address(10, 0, 0, 1), 4321}, state);
  for (std::size_t at = 0; at < packet.size(); ++at) must(packet[at] == original[at] || may_change(view, at));
  rewrite_source(view, source, state);
  if (!view.icmp_query()) rewrite_destination(view, destination, state);
  must(view.source() == source && view.destination() == destination);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::vector<std::uint8_t> original(data, data + size);
  std::vector<std::uint8_t> packet = original;
  PacketView view;
  if (PacketView::parse(packet, view)) {
    must(packet == original);
    return 0;
  }
  check_accessors(view, size);
  check_rewrite(original, ChecksumState::complete);
  check_rewrite(original, ChecksumState::partial);
  if (view.translatable() && view.protocol() == Protocol::tcp) {
    TcpTrack track;
    for (const Direction direction : {Direction::outbound, Direction::inbound, Direction::outbound}) {
      advance(track, view, direction);
    }
  }
  must(packet == original);
  return 0;
}
