// How much there may be of what, in all and of one host (RFC 6888 REQ-4).
#pragma once

#include <cstdint>

#include "translation/net/endpoint.h"

namespace nat {

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

}  // namespace nat
