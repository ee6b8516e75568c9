// How mappings are made and kept: what can be chosen for some hosts apart from the others (policy.h). The
// numbers of the timers come from RFC 4787 REQ-5, RFC 5382 REQ-5, RFC 5508 REQ-2 and RFC 7857 section 2.
#pragma once

#include <cstdint>
#include <vector>

#include "filtering/behavior.h"
#include "translation/base/time.h"
#include "translation/net/endpoint.h"

namespace nat {

// Inclusive at both ends.
struct PortRange {
  std::uint16_t first = 0;
  std::uint16_t last = 0;
  constexpr bool contains(std::uint16_t port) const { return port >= first && port <= last; }
  constexpr bool operator==(const PortRange&) const = default;
};

struct ProtocolPolicy {
  Behavior mapping = Behavior::endpoint_independent;
  Behavior filtering = Behavior::address_dependent;
  bool operator==(const ProtocolPolicy&) const = default;
};

// How a mapping gets a port when it cannot keep the internal one: any free one (RFC 6056), or the one after
// the last that was given away, which others can predict; that is for laboratories (RFC 5128 section 3.5).
enum class Allocation : std::uint8_t { random, sequential };
const char* to_string(Allocation allocation);

struct PortPolicy {
  // External ports for TCP and UDP, and identifiers for ICMP. Ports below 1024 serve only internal ports
  // below 1024 (RFC 4787 REQ-3a).
  std::vector<PortRange> ranges = {{512, 65535}};
  Allocation allocation = Allocation::random;
  bool preserve = true;          // keep the internal port when it is free; never when sequential
  bool preserve_parity = false;  // even stays even, odd stays odd (RFC 4787 REQ-4, optional since RFC 7857)
  Duration rest = std::chrono::seconds(120);  // UDP and ICMP ports after release (RFC 6888 REQ-8)
  bool operator==(const PortPolicy&) const = default;
};

struct Timeouts {
  Duration udp = std::chrono::seconds(300);
  bool udp_inbound_refresh = false;
  Duration tcp_established = std::chrono::seconds(7440);
  Duration tcp_opening = std::chrono::seconds(240);
  Duration tcp_closing = std::chrono::seconds(240);
  Duration tcp_reset = std::chrono::seconds(240);
  Duration icmp = std::chrono::seconds(60);
  Duration fragment_wait = std::chrono::seconds(2);       // for the first fragment
  Duration fragment_lifetime = std::chrono::seconds(30);  // of a whole datagram
  bool operator==(const Timeouts&) const = default;
};

struct Limits {
  std::uint32_t mappings = 65536;
  std::uint32_t sessions = 262144;  // memory for this many is reserved, and used as they come
  std::uint32_t hosts = 4096;       // internal addresses with a mapping
  std::uint32_t mappings_per_host = 16384;
  std::uint32_t sessions_per_host = 65536;
  std::uint32_t sessions_per_mapping = 16384;
  // Of one protocol, as part of the above; 0 for no limit of its own (RFC 6888 REQ-4).
  std::uint32_t udp_mappings_per_host = 0;
  std::uint32_t tcp_mappings_per_host = 0;
  std::uint32_t icmp_mappings_per_host = 0;
  std::uint32_t mapping_rate_per_host = 0;  // new mappings a second, 0 for no limit
  std::uint32_t fragments = 1024;           // datagrams kept
  std::uint32_t held_fragments = 512;       // early fragments held
  std::uint32_t fragment_bytes = 4U << 20;  // and their octets, with what it takes to hold them
  std::uint32_t held_syns = 1024;           // that wait for their ICMP error
  std::uint32_t icmp_rate = 100;            // ICMP errors that natd makes, a second
  std::uint32_t icmp_burst = 50;

  std::uint32_t mappings_per_host_of(Protocol protocol) const {
    const std::uint32_t own = protocol == Protocol::udp   ? udp_mappings_per_host
                              : protocol == Protocol::tcp ? tcp_mappings_per_host
                                                          : icmp_mappings_per_host;
    return own == 0 ? mappings_per_host : own;
  }
  bool operator==(const Limits&) const = default;
};

// The limits and fragment times that are not of a host or a mapping count only in the policy as a whole.
struct Profile {
  ProtocolPolicy udp, tcp, icmp;
  PortPolicy ports;
  Timeouts timeouts;
  Limits limits;

  const ProtocolPolicy& of(Protocol protocol) const {
    return protocol == Protocol::udp ? udp : protocol == Protocol::tcp ? tcp : icmp;
  }
  ProtocolPolicy& of(Protocol protocol) {
    return protocol == Protocol::udp ? udp : protocol == Protocol::tcp ? tcp : icmp;
  }
  bool operator==(const Profile&) const = default;
};

}  // namespace nat
