// The verbs: mappings that are asked for, by the operator or by a host, beside those that traffic makes. Each
// call costs the same however many mappings there are.
#pragma once

#include <optional>

#include "translation/state/lifecycle.h"

namespace nat {

class StaticMappings {
 public:
  StaticMappings(State& state, Lifecycle& lifecycle) : state_(state), lifecycle_(lifecycle) {}

  // Makes the mapping, or changes the owner's that is there: the same endpoints are the same mapping,
  // whatever its name. A dynamic mapping of the internal endpoint becomes the one asked for, where it has the
  // port that is wanted; its sessions go on. Configured: one internal endpoint may have several. Leased: one.
  MapResult map(const MapRequest& request);
  // A leased mapping lives for `lifetime` from now on.
  MapResult renew(MappingId id, Owner owner, Duration lifetime);
  // Ends the mapping and its sessions. Nothing when it is done.
  std::optional<MapRefusal> unmap(MappingId id, Owner owner);

 private:
  std::optional<MapRefusal> refusal(const MapRequest& request) const;
  StaticMapping* find(MappingId id);
  static bool may_change(const StaticMapping& mapping, Owner owner) {
    return owner == kOperator || mapping.owner == owner;
  }
  Address address_for(const MapRequest& request) const;
  MapResult change(std::uint32_t mapping, const MapRequest& request);
  MapResult promote(std::uint32_t mapping, const MapRequest& request);
  MapResult make(const MapRequest& request, Address address);
  std::optional<std::uint16_t> take_port(const MapRequest& request, Address address, std::uint32_t host,
                                         MapRefusal& refused);
  Mapped mapped(std::uint32_t mapping, bool made) const;

  State& state_;
  Lifecycle& lifecycle_;
};

}  // namespace nat
