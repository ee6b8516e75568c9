// What the engine is told to do: a plain value, validated before it gets here (config/validate.h) and
// replaced as a whole by Engine::apply. Defaults are those of the RFCs; the numbers of the timers come from
// RFC 4787 REQ-5, RFC 5382 REQ-5, RFC 5508 REQ-2 and RFC 7857 section 2.
#pragma once

#include <bitset>
#include <cstdint>
#include <string>
#include <vector>

#include "filtering/behavior.h"
#include "translation/misbehavior.h"
#include "translation/net/time.h"

namespace nat {

// Inclusive at both ends.
struct PortRange {
  std::uint16_t first = 0;
  std::uint16_t last = 0;
  constexpr bool operator==(const PortRange&) const = default;
};

using PortSet = std::bitset<65536>;

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
  // Ports that belong to the gateway itself and are never given away.
  PortSet reserved;
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
  std::uint32_t mapping_rate_per_host = 0;  // new mappings a second, 0 for no limit
  std::uint32_t fragments = 1024;           // datagrams remembered
  std::uint32_t fragment_bytes = 4U << 20;  // early fragments held
  std::uint32_t icmp_rate = 100;            // ICMP errors that natd makes, a second
  std::uint32_t icmp_burst = 50;
  bool operator==(const Limits&) const = default;
};

// A mapping that the operator asks for. An unspecified external address means the first of the pool; port 0
// of the internal endpoint is not allowed.
struct PortForward {
  Protocol protocol = Protocol::tcp;
  Endpoint external;
  Endpoint internal;
  std::string name;
  bool operator==(const PortForward&) const = default;
};

struct Policy {
  // The pool. An internal address keeps to one of them for all its mappings (RFC 4787 REQ-2).
  std::vector<Address> external_addresses;
  // The gateway's own address towards the internal side, the source of ICMP errors that natd makes.
  Address internal_address;

  ProtocolPolicy udp, tcp, icmp;
  PortPolicy ports;
  Timeouts timeouts;
  Limits limits;
  bool hairpin = true;
  bool hairpin_filter = false;  // apply the filter to hairpinned packets too
  std::vector<PortForward> port_forwards;
  Misbehavior misbehavior;

  const ProtocolPolicy& of(Protocol protocol) const {
    return protocol == Protocol::udp ? udp : protocol == Protocol::tcp ? tcp : icmp;
  }
  ProtocolPolicy& of(Protocol protocol) {
    return protocol == Protocol::udp ? udp : protocol == Protocol::tcp ? tcp : icmp;
  }
  bool operator==(const Policy&) const = default;
};

}  // namespace nat
