// Mappings: an internal endpoint on an external one, for one protocol (RFC 4787 section 4.1).
//
// Under endpoint-independent mapping an internal endpoint has one; under the other behaviours one for each
// remote that the behaviour tells apart. A mapping owns its sessions. A dynamic one has no timer of its own:
// it lives as long as a session that the internal side has spoken on. A configured one lives as long as the
// operator wants it, a leased one until its lease ends, and then as a dynamic one.
#pragma once

#include <cstdint>

#include "filtering/behavior.h"
#include "translation/state/session_table.h"
#include "translation/state/view.h"

namespace nat {

struct Mapping {
  Endpoint internal, external;
  Endpoint remote;  // as the behaviour trims it
  std::uint64_t id;
  SessionList confirmed;    // live sessions on which something went out: they keep the mapping alive
  SessionList unconfirmed;  // live sessions made by inbound packets only: they do not
  SessionList dormant;      // see Session::dormant
  std::uint32_t host;
  std::uint32_t
      address_generation;  // of its address in the pool: an address that went and came back is another
  std::uint32_t profile_generation;  // of the profiles that `profile` is a number of
  Tick lease_end;                    // of a leased one
  std::uint16_t remote_port;         // of the packet that made it, for choosing its profile anew
  Protocol protocol;
  Behavior behavior;
  Origin origin;
  std::uint8_t profile;  // see Profiles
  bool live;
  bool lingers;  // ended, and its confirmed sessions may still be found
  bool shares;  // an external endpoint that another mapping has (Misbehavior::port_overloading): not found by
                // it
};

class MappingTable {
 public:
  MappingTable(std::uint32_t capacity, const HashSecret& secret)
      : mappings_(capacity),
        timers_(capacity),
        secret_(secret),
        by_internal_(capacity),
        by_external_(capacity) {}

  // The mapping for packets from `internal` to `remote` under that behaviour; kNone when there is none. One
  // that was configured or leased for the internal endpoint comes before all others.
  std::uint32_t find_internal(Protocol protocol, Endpoint internal, Behavior behavior, Endpoint remote) const;
  std::uint32_t find_external(Protocol protocol, Endpoint external) const;

  std::uint32_t insert(const Mapping& mapping);
  // No longer found; the record stays until give_back, for its sessions.
  void unlink(std::uint32_t number);
  void give_back(std::uint32_t number) { mappings_.give_back(number); }

  Mapping& operator[](std::uint32_t number) { return mappings_[number]; }
  const Mapping& operator[](std::uint32_t number) const { return mappings_[number]; }
  ZeroedArray<TimerLink>& timers() { return timers_; }
  std::uint32_t used() const { return mappings_.used(); }
  bool full() const { return mappings_.used() == mappings_.capacity(); }
  std::uint32_t capacity() const { return mappings_.capacity(); }
  std::uint32_t high_water() const { return mappings_.high_water(); }

 private:
  std::uint64_t hash(Protocol protocol, Endpoint own, Endpoint remote) const {
    return siphash13(secret_, std::uint64_t{own.address.value()} << 32 | remote.address.value(),
                     std::uint64_t{own.port} << 32 | std::uint64_t{remote.port} << 16 |
                         static_cast<std::uint64_t>(protocol));
  }

  Slab<Mapping> mappings_;
  ZeroedArray<TimerLink> timers_;
  HashSecret secret_;
  HashIndex by_internal_;
  HashIndex by_external_;
};

}  // namespace nat
