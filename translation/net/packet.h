// One IPv4 packet, parsed once into offsets; after that no code looks at raw headers again.
//
// A PacketView does not own its octets. parse() checks every bound that the accessors and the rewrite rely
// on, so none of them checks again. Octets behind the total length (link padding) are never touched.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "translation/net/endpoint.h"
#include "translation/net/ip_options.h"
#include "translation/net/reason.h"
#include "translation/net/wire.h"

namespace nat {

// Whether the transport checksum field is final, or holds only the sum of the pseudo-header because hardware
// or a later stage will finish it (Linux calls that CHECKSUM_PARTIAL; TUN devices with a virtio header
// deliver it).
enum class ChecksumState : std::uint8_t { complete, partial };

// What an ICMP error quotes: the start of the packet it is about (RFC 792, RFC 1812 section 4.3.2.3).
struct Quote {
  std::uint8_t* ip = nullptr;         // the quoted IP header
  std::uint8_t* transport = nullptr;  // at least eight octets are there
  std::size_t transport_length =
      0;  // octets of the quoted transport really quoted, without padding (RFC 4884)
  Protocol protocol = Protocol::udp;
  Endpoint source;
  Endpoint destination;
  bool query = false;            // an ICMP echo is quoted; both endpoints carry its identifier
  bool checksum_right = true;    // of the quoted IP header
  bool address_options = false;  // the quoted IP header has options in which addresses travel
};

class PacketView {
 public:
  // Returns nothing when `octets` hold a packet that can be judged further, else the reason to drop it. A
  // packet of a protocol natd does not translate parses well as long as its IP header does.
  static std::optional<Reason> parse(std::span<std::uint8_t> octets, PacketView& view);

  // For ICMP errors only: finds and checks the quoted packet. Honours the quoted header's length (RFC 5508
  // REQ-3b), never judges the quoted transport checksum (REQ-3c), and says whether that of the IP header is
  // right.
  std::optional<Reason> quote(Quote& quote) const;
  // For ICMP errors only: both addresses of the quoted packet, its source first, whatever else is wrong with
  // it; nothing when they are not there.
  std::optional<std::array<Address, 2>> quoted_addresses() const;

  std::span<std::uint8_t> octets() const { return {ip_, total_length_}; }
  std::size_t total_length() const { return total_length_; }
  std::size_t header_length() const { return header_length_; }

  Address source_address() const { return Address(load32(ip_ + ip::kSource)); }
  Address destination_address() const { return Address(load32(ip_ + ip::kDestination)); }
  std::uint8_t ip_protocol() const { return ip_[ip::kProtocol]; }
  std::uint8_t ttl() const { return ip_[ip::kTtl]; }
  std::uint16_t identification() const { return load16(ip_ + ip::kIdentification); }
  bool source_routed() const { return options_.source_route; }
  // Has options in which addresses travel (net/ip_options.h).
  bool address_options() const { return options_.addresses; }

  // Fragmentation (RFC 791). `later_fragment` has no transport header.
  bool fragmented() const { return (fragment_field() & (ip::kMoreFragments | ip::kOffsetMask)) != 0; }
  bool later_fragment() const { return (fragment_field() & ip::kOffsetMask) != 0; }
  bool more_fragments() const { return (fragment_field() & ip::kMoreFragments) != 0; }
  std::size_t fragment_offset() const { return (std::size_t{fragment_field()} & ip::kOffsetMask) * 8; }
  // RFC 6864: the identification of such a packet means nothing.
  bool atomic() const { return (fragment_field() & ip::kDontFragment) != 0 && !fragmented(); }

  // The rest is for packets that have a transport header natd knows.
  bool translatable() const { return translatable_; }
  Protocol protocol() const { return static_cast<Protocol>(ip_protocol()); }
  std::uint8_t* transport() const { return ip_ + header_length_; }
  std::size_t transport_length() const { return total_length_ - header_length_; }

  bool icmp_error() const { return icmp_error_; }
  bool icmp_query() const { return translatable_ && protocol() == Protocol::icmp && !icmp_error_; }
  std::uint8_t icmp_type() const { return transport()[0]; }

  // Ports, or the query identifier on the side of the host that asks. For an ICMP echo both are the
  // identifier.
  std::uint16_t source_port() const {
    return icmp_query() ? load16(transport() + icmp::kIdentifier) : load16(transport());
  }
  std::uint16_t destination_port() const {
    return icmp_query() ? load16(transport() + icmp::kIdentifier) : load16(transport() + 2);
  }
  Endpoint source() const { return {source_address(), source_port()}; }
  Endpoint destination() const { return {destination_address(), destination_port()}; }

  std::uint8_t tcp_flags() const { return transport()[13]; }

 private:
  std::uint16_t fragment_field() const { return load16(ip_ + ip::kFragment); }
  std::optional<Reason> parse_transport();

  std::uint8_t* ip_ = nullptr;
  std::size_t total_length_ = 0;
  std::size_t header_length_ = 0;
  IpOptions options_;
  bool translatable_ = false;
  bool icmp_error_ = false;
};

// "udp 10.0.0.1:5000 > 192.0.2.1:53", for logs and traces; without ports for a later fragment.
std::string describe(const PacketView& view);

}  // namespace nat
