#include "tests/model/byte_judge.h"

#include "tests/support/checksums.h"
#include "translation/net/wire.h"

namespace nat::test {
namespace {

std::size_t transport_at(const Octets& packet) { return (packet[0] & 0x0fU) * 4; }

std::size_t checksum_at(const Octets& packet) {
  const std::uint8_t protocol = packet[ip::kProtocol];
  return transport_at(packet) + (protocol == 6    ? tcp::kChecksum
                                 : protocol == 17 ? udp::kChecksum
                                                  : icmp::kChecksum);
}

bool without_checksum(const Octets& packet) {
  return packet[ip::kProtocol] == 17 && load16(packet.data() + checksum_at(packet)) == 0;
}

bool may_be_fragmented(const Octets& packet) {
  return (load16(packet.data() + ip::kFragment) & ip::kDontFragment) == 0;
}

// Addresses and ports only; the port of the side without one (an ICMP remote) is zero and left alone.
void write_endpoints(Octets& packet, Endpoint source, Endpoint destination) {
  store32(packet.data() + ip::kSource, source.address.value());
  store32(packet.data() + ip::kDestination, destination.address.value());
  std::uint8_t* const transport = packet.data() + transport_at(packet);
  if (packet[ip::kProtocol] == 1) {
    store16(transport + icmp::kIdentifier, source.port != 0 ? source.port : destination.port);
  } else {
    store16(transport, source.port);
    store16(transport + 2, destination.port);
  }
}

// Wherever the octets of the address stand, the port too if it is behind them.
void rewrite_payload(Octets& packet, Endpoint from, Endpoint to) {
  if (packet[ip::kProtocol] == 1) return;
  std::size_t at = transport_at(packet) + (packet[ip::kProtocol] == 6 ? 20 : 8);
  for (; at + 4 <= packet.size(); ++at) {
    if (load32(&packet[at]) != from.address.value()) continue;
    store32(&packet[at], to.address.value());
    at += 3;
    if (at + 3 > packet.size() || load16(&packet[at + 1]) != from.port) continue;
    store16(&packet[at + 1], to.port);
    at += 2;
  }
}

}  // namespace

Octets readdressed(Octets packet, Endpoint source, Endpoint destination) {
  const bool absent = without_checksum(packet);
  write_endpoints(packet, source, destination);
  fix_ip_checksum(packet);
  if (!absent) fix_transport_checksum(packet);
  return packet;
}

std::string judge_leaving(const Octets& packet) {
  const Prefix inside(Address(10, 0, 0, 0), 24);
  const std::string leak = leak_of(packet, [&](Address address) { return inside.contains(address); });
  return leak.empty() ? leak : "an internal address leaves as " + leak;
}

std::string judge_octets(const Octets& before, const Octets& after, Endpoint source, Endpoint destination,
                         bool may_change_identification, const Rewriting& rewriting) {
  if (after.size() != before.size()) return "the length changed";
  Octets wanted = before;
  write_endpoints(wanted, source, destination);
  for (const auto& [from, to] : rewriting) rewrite_payload(wanted, from, to);
  if (may_change_identification && may_be_fragmented(before)) {
    store16(wanted.data() + ip::kIdentification, load16(after.data() + ip::kIdentification));
  }
  // The checksum fields are judged by what they say, not by how.
  store16(wanted.data() + ip::kChecksum, load16(after.data() + ip::kChecksum));
  store16(wanted.data() + checksum_at(wanted), load16(after.data() + checksum_at(after)));
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] != after[i]) return "octet " + std::to_string(i) + " is not as it should be";
  }
  if (ip_checksum_valid(before) != ip_checksum_valid(after)) return "the IP checksum went wrong";
  if (without_checksum(before) != without_checksum(after)) return "a UDP checksum came or went";
  if (transport_checksum_error(before) != transport_checksum_error(after)) {
    return "the transport checksum went wrong";
  }
  return {};
}

}  // namespace nat::test
