#include "translation/state/static_mappings.h"

#include "translation/ports/local_sockets.h"

namespace nat {

const char* to_string(MapError error) {
  switch (error) {
    case MapError::wrong_request:
      return "a mapping needs TCP or UDP, an internal endpoint, and a lifetime where it is leased";
    case MapError::no_external_address:
      return "there is no external address yet";
    case MapError::not_external:
      return "the external address is not one of natd's";
    case MapError::port_taken:
      return "the port is in use";
    case MapError::port_of_gateway:
      return "a program on the gateway itself uses this port";
    case MapError::ports_exhausted:
      return "every external port is in use or in quarantine";
    case MapError::mapping_limit:
      return "limits.mappings is reached";
    case MapError::host_limit:
      return "limits.hosts is reached";
    case MapError::host_mapping_limit:
      return "the host has limits.mappings-per-host mappings";
    case MapError::not_found:
      return "there is no such mapping";
    case MapError::not_owner:
      return "the mapping is another's";
  }
  return "unknown";
}

StaticMapping* StaticMappings::find(MappingId id) {
  const auto found = state_.statics.find(id);
  return found == state_.statics.end() ? nullptr : &found->second;
}

Mapped StaticMappings::mapped(std::uint32_t mapping, bool made) const {
  const Mapping& m = state_.mappings[mapping];
  return {m.id, m.external, m.origin == Origin::leased ? state_.time_of(m.lease_end) : kNever, made};
}

// A host keeps to the address it has (RFC 4787 REQ-2).
Address StaticMappings::address_for(const MapRequest& request) const {
  if (!request.external.address.unspecified()) return request.external.address;
  const std::uint32_t host = state_.hosts.find(request.internal.address);
  if (request.origin == Origin::leased && host != kNone && state_.is_external(state_.hosts[host].external)) {
    return state_.hosts[host].external;
  }
  return state_.pool[0].address;
}

MapResult StaticMappings::map(const MapRequest& request) {
  const bool leased = request.origin == Origin::leased;
  if (request.protocol == Protocol::icmp || request.internal.port == 0 || request.origin == Origin::dynamic ||
      (leased && request.lifetime <= Duration::zero())) {
    return MapRefusal{MapError::wrong_request};
  }
  if (state_.pool.empty()) return MapRefusal{MapError::no_external_address};
  const Address address = address_for(request);
  if (!state_.is_external(address)) return MapRefusal{MapError::not_external};
  const auto settled = [&](std::uint32_t mapping) {
    if (mapping != kNone) lifecycle_.settle(mapping);
    return mapping != kNone && state_.mappings[mapping].live && lifecycle_.expire_sessions(mapping) ? mapping
                                                                                                    : kNone;
  };
  if (request.external.port != 0) {
    const std::uint32_t there =
        settled(state_.mappings.find_external(request.protocol, {address, request.external.port}));
    if (there != kNone && state_.mappings[there].internal == request.internal) {
      return state_.mappings[there].origin == Origin::dynamic ? promote(there, request)
                                                              : change(there, request);
    }
  }
  if (leased) {
    const std::uint32_t own = settled(state_.mappings.find_internal(request.protocol, request.internal,
                                                                    Behavior::endpoint_independent, {}));
    if (own != kNone && (!request.exact || request.external.port == 0)) {
      return state_.mappings[own].origin == Origin::dynamic ? promote(own, request) : change(own, request);
    }
  }
  return make(request, address);
}

MapResult StaticMappings::change(std::uint32_t mapping, const MapRequest& request) {
  Mapping& m = state_.mappings[mapping];
  StaticMapping* const known = find(m.id);
  if (known == nullptr || !may_change(*known, request.owner))
    return MapRefusal{MapError::not_owner, m.external, m.internal};
  const bool same =
      m.origin == request.origin && known->name.text() == request.name && known->filter == request.filter;
  known->name = MappingName(request.name);
  known->filter = request.filter;
  known->owner = request.owner;
  if (request.origin == Origin::leased) {
    lifecycle_.set_lease(mapping, request.lifetime);
  } else if (m.origin == Origin::leased) {
    lifecycle_.set_origin(mapping, request.origin);
  }
  if (!same || request.origin == Origin::leased) lifecycle_.notify_changed(mapping);
  return mapped(mapping, false);
}

MapResult StaticMappings::promote(std::uint32_t mapping, const MapRequest& request) {
  Mapping& m = state_.mappings[mapping];
  // One for a single remote cannot serve all of them.
  if (m.shares || m.behavior != Behavior::endpoint_independent)
    return MapRefusal{MapError::port_taken, m.external, m.internal};
  state_.statics[m.id] = {mapping, request.owner, request.filter, MappingName(request.name)};
  if (request.origin == Origin::leased) {
    lifecycle_.set_lease(mapping, request.lifetime);
  } else {
    lifecycle_.set_origin(mapping, request.origin);
  }
  lifecycle_.notify_changed(mapping);
  return mapped(mapping, false);
}

MapResult StaticMappings::make(const MapRequest& request, Address address) {
  if (state_.live_mappings >= state_.policy.limits.mappings || state_.mappings.full()) {
    return MapRefusal{MapError::mapping_limit};
  }
  const std::uint8_t profile = state_.profiles.find(request.protocol, request.internal, 0);
  const std::uint32_t host = lifecycle_.host_for(request.internal.address);
  if (host == kNone) return MapRefusal{MapError::host_limit};
  MapRefusal refused{MapError::host_mapping_limit};
  std::optional<std::uint16_t> port;
  if (request.origin == Origin::configured ||
      !mapping_quota(state_.hosts[host].usage(request.protocol), state_.profiles[profile].limits,
                     request.protocol)) {
    port = take_port(request, address, host, refused);
  }
  if (!port) {
    lifecycle_.release_host(host);
    return refused;
  }
  Mapping mapping{};
  mapping.internal = request.internal;
  mapping.external = {address, *port};
  mapping.behavior = Behavior::endpoint_independent;
  mapping.profile = profile;
  mapping.host = host;
  mapping.protocol = request.protocol;
  mapping.origin = Origin::configured;
  const std::uint32_t number = lifecycle_.add_mapping(mapping);
  state_.statics[state_.mappings[number].id] = {number, request.owner, request.filter,
                                                MappingName(request.name)};
  if (request.origin == Origin::leased) lifecycle_.set_lease(number, request.lifetime);
  lifecycle_.notify_made(number);
  return mapped(number, true);
}

std::optional<std::uint16_t> StaticMappings::take_port(const MapRequest& request, Address address,
                                                       std::uint32_t host, MapRefusal& refused) {
  const std::uint16_t wanted = request.external.port;
  const auto occupied = lifecycle_.ports().occupied(request.protocol);
  PortPool& pool = state_.pool[*state_.pool.index_of(address)].of(request.protocol);
  if (wanted != 0) {
    const std::uint32_t holder = state_.mappings.find_external(request.protocol, {address, wanted});
    const bool gateways = occupied(wanted);
    // The operator may have any port; a host only one that natd gives away.
    const bool taken = request.origin == Origin::configured
                           ? !gateways && pool.take_explicit(wanted)
                           : !gateways && pool.take(wanted, request.internal);
    if (taken) return wanted;
    refused = {gateways ? MapError::port_of_gateway : MapError::port_taken,
               {address, wanted},
               holder == kNone ? Endpoint{} : state_.mappings[holder].internal};
    if (request.exact) return std::nullopt;
  }
  const std::uint8_t profile = state_.profiles.find(request.protocol, request.internal, 0);
  PortRequest any = lifecycle_.ports().request_for(request.protocol, request.internal, host, profile);
  any.paired = address;
  const auto grant = state_.pool.choose(any, occupied);
  if (grant && state_.pool[grant->address_index].address == address && !grant->grown) return grant->port;
  if (grant)
    state_.pool[grant->address_index].of(request.protocol).release(grant->port, {}, TimePoint(), TimePoint());
  if (grant && grant->grown) state_.pool.blocks().take_back(*grant->grown);
  refused = {MapError::ports_exhausted};
  return std::nullopt;
}

MapResult StaticMappings::renew(MappingId id, Owner owner, Duration lifetime) {
  const StaticMapping* const known = find(id);
  if (known == nullptr) return MapRefusal{MapError::not_found};
  if (!may_change(*known, owner)) return MapRefusal{MapError::not_owner};
  if (state_.mappings[known->mapping].origin != Origin::leased || lifetime <= Duration::zero()) {
    return MapRefusal{MapError::wrong_request};
  }
  lifecycle_.set_lease(known->mapping, lifetime);
  lifecycle_.notify_changed(known->mapping);
  return mapped(known->mapping, false);
}

std::optional<MapRefusal> StaticMappings::unmap(MappingId id, Owner owner) {
  const StaticMapping* const known = find(id);
  if (known == nullptr) return MapRefusal{MapError::not_found};
  if (!may_change(*known, owner)) return MapRefusal{MapError::not_owner};
  lifecycle_.end_mapping(known->mapping, RemovalCause::deleted);
  return std::nullopt;
}

}  // namespace nat
