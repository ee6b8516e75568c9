// Which external endpoint a new mapping of a host gets, from what the tables and the policy say.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "translation/state/state.h"

namespace nat {

class PortAllocator {
 public:
  explicit PortAllocator(State& state) : state_(state) {}

  // What a mapping of `internal` under that profile asks the pool for. `host` may be kNone.
  PortRequest request_for(Protocol protocol, Endpoint internal, std::uint32_t host,
                          std::uint8_t profile) const;
  // Nothing when there is no port. Puts ports back into use whose quarantine is over.
  std::optional<PortGrant> choose(const PortRequest& request, Endpoint remote, bool& shares);
  // Whether a port could be had, apart from those that sockets of the gateway occupy.
  bool has_port(const PortRequest& request, Endpoint remote) const;
  // What a mapping for a packet from `internal` to `remote` would get: port 0 where it is yet to be picked,
  // an unspecified address where there is no port.
  Endpoint preview(Protocol protocol, Endpoint internal, Endpoint remote) const;

  // What `internal` uses and may use, and the ports a mapping of it could get; for users.
  struct Supply {
    std::uint32_t mappings = 0, sessions = 0;  // of the host
    Address external;
    std::vector<PortRange> ranges;
    std::uint32_t free = 0, used = 0, quarantined = 0;
  };
  Supply supply(Protocol protocol, Endpoint internal, std::uint8_t profile) const;

  // What would give a mapping of `internal` a port where preview() finds none. Not to be asked without an
  // external address.
  PortRelief relief(Protocol protocol, Endpoint internal, std::uint8_t profile) const;

  // Whether a socket of the gateway has the port.
  std::function<bool(std::uint16_t)> occupied(Protocol protocol) const;

 private:
  std::optional<PortGrant> shared_port(const PortRequest& request, Endpoint remote) const;

  State& state_;
};

}  // namespace nat
