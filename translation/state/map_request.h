// The verbs of static mappings, as values: what is asked for and what comes of it. They are what the
// operator's port forwards and every protocol that asks for ports use (RFC 6887, RFC 6886, UPnP IGD).
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "translation/base/time.h"
#include "translation/net/address.h"
#include "translation/net/endpoint.h"
#include "translation/policy/profile.h"
#include "translation/state/event.h"
#include "translation/state/origin.h"

namespace nat {

using MappingId = std::uint64_t;  // never used twice while the engine lives

// Who asked for a mapping and may change it; the numbers are the caller's. The operator may change every one.
using Owner = std::uint64_t;
inline constexpr Owner kOperator = 0;

// The remotes that may use a static mapping without having been contacted.
struct RemoteFilter {
  Prefix address{Address(), 0};
  PortRange ports{0, 65535};  // not for ICMP
  bool admits(Endpoint remote) const {
    return address.contains(remote.address) && ports.contains(remote.port);
  }
  bool operator==(const RemoteFilter&) const = default;
};

struct MapRequest {
  Protocol protocol = Protocol::tcp;  // TCP or UDP
  Endpoint internal;                  // with a port
  // Address 0.0.0.0: that of the host, where it has mappings, else the first of the pool. Port 0: any.
  Endpoint external;
  bool exact = true;                   // else the port is a wish
  Origin origin = Origin::configured;  // or leased
  Owner owner = kOperator;
  Duration lifetime{};  // of a leased one
  RemoteFilter filter{};
  std::string name{};
};

struct Mapped {
  MappingId id = 0;
  Endpoint external;
  TimePoint expires = kNever;  // of a leased one
  bool made = false;           // else it was there, and may have been changed
};

enum class MapError : std::uint8_t {
  wrong_request,        // a protocol without ports, no internal port, no lifetime
  no_external_address,  // the pool is empty
  not_external,         // the address is not in the pool
  port_taken,           // by the mapping of `holder`
  port_of_gateway,      // by a socket of the gateway
  ports_exhausted,
  mapping_limit,       // limits.mappings
  host_limit,          // limits.hosts
  host_mapping_limit,  // limits.mappings-per-host, of a leased one
  not_found,
  not_owner,  // another's
};
const char* to_string(MapError error);

struct MapRefusal {
  MapError error = MapError::not_found;
  Endpoint external{};  // that was wanted, once it was clear which
  Endpoint holder{};    // internal; of a port that is taken
};

using MapResult = std::variant<Mapped, MapRefusal>;

// What is kept of a static mapping beside its record in the table.
struct StaticMapping {
  std::uint32_t mapping = 0;
  Owner owner = kOperator;
  RemoteFilter filter;
  MappingName name;
};

}  // namespace nat
