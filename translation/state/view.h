// What the engine shows of itself: plain copies of its mappings, sessions and numbers. Nothing here refers
// into the engine's tables.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "filtering/behavior.h"
#include "translation/base/time.h"
#include "translation/net/reason.h"
#include "translation/policy/profile.h"
#include "translation/state/origin.h"
#include "translation/state/tcp_track.h"

namespace nat {

struct MappingView {
  std::uint64_t id = 0;  // never used twice while the engine lives
  Protocol protocol = Protocol::udp;
  Endpoint internal;
  Endpoint external;
  Behavior behavior = Behavior::endpoint_independent;  // the mapping behaviour it was made under
  Behavior filtering =
      Behavior::endpoint_independent;  // the filtering behaviour now; none of a configured one
  Endpoint remote;                     // what that behaviour tells apart, else unspecified
  std::uint32_t sessions = 0;          // live ones
  std::uint32_t dormant = 0;           // remotes without a live session that the filter still knows
  TimePoint expires = kNever;
  Origin origin = Origin::dynamic;
  std::string name;  // of a configured one
};

struct SessionView {
  std::uint64_t mapping_id = 0;
  Protocol protocol = Protocol::udp;
  SessionState state = SessionState::active;
  Endpoint internal;
  Endpoint external;
  Endpoint remote;
  Realm initiator = Realm::internal;
  std::uint64_t sent_bytes = 0;  // outbound, IP total lengths
  std::uint64_t received_bytes = 0;
  TimePoint expires = kNever;
};

// Ports that belong to a host beforehand, or for as long as it has mappings (port_blocks.h).
struct BlockView {
  Address external;
  PortRange ports;
  bool extra = false;
  Address host;  // unspecified for an extra block that no host has
};

// Whose an external port is, or was last.
struct PortHolder {
  Protocol protocol = Protocol::udp;
  Endpoint internal;
  bool quarantined = false;  // its mapping ended a short while ago
};
struct PortUse {
  std::optional<BlockView> block;  // where ports are divided among subscribers
  std::vector<PortHolder> holders;
};

// An external UDP port or echo identifier that was in use before the engine began.
struct QuarantinedPort {
  Protocol protocol = Protocol::udp;
  Endpoint external;
  Endpoint owner;  // who may have it all the same
  TimePoint until;
};

struct Counters {
  struct Count {
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;
  };
  // By reason and by the side the packet arrived on.
  std::array<std::array<Count, 2>, kReasonCount> reasons{};
  std::uint64_t mappings_created = 0;
  std::uint64_t mappings_removed = 0;
  std::uint64_t sessions_created = 0;
  std::uint64_t sessions_removed = 0;
  std::uint64_t passed_without_session = 0;  // packets, by their mapping alone, as there was no room for one
  std::uint64_t icmp_errors_made = 0;
  std::uint64_t icmp_errors_suppressed = 0;
  std::uint64_t syns_not_held = 0;  // limits.held-syns was reached

  Count total(Reason reason) const {
    const auto& sides = reasons[static_cast<std::size_t>(reason)];
    return {sides[0].packets + sides[1].packets, sides[0].bytes + sides[1].bytes};
  }
};

// How full the engine is.
struct Gauges {
  struct Pool {
    Address address;
    Protocol protocol = Protocol::udp;
    std::uint32_t capacity = 0;  // ports natd may give away
    std::uint32_t used = 0;
    std::uint32_t quarantined = 0;
  };
  std::uint32_t mappings = 0;
  std::uint32_t sessions = 0;
  std::uint32_t dormant = 0;
  std::uint32_t hosts = 0;
  std::uint32_t datagrams = 0;  // fragmented datagrams in memory
  std::uint32_t held_fragments = 0;
  std::uint32_t held_bytes = 0;
  // What the tables hold in all: mappings, sessions, hosts and permissions, ended ones until they are cleared
  // away.
  std::uint32_t records = 0;
  std::uint32_t held_syns = 0;  // that may get an ICMP error yet
  std::vector<Pool> pools;
};

}  // namespace nat
