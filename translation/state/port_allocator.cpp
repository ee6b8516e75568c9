#include "translation/state/port_allocator.h"

#include "translation/ports/local_sockets.h"

namespace nat {
namespace {

// How many ports whose quarantine is over a new mapping frees; the others are left to expire().
constexpr unsigned kWakeBudget = 64;

}  // namespace

PortRequest PortAllocator::request_for(Protocol protocol, Endpoint internal, std::uint32_t host,
                                       std::uint8_t profile) const {
  return {protocol, internal, host == kNone ? Address() : state_.hosts[host].external,
          &state_.profiles[profile].ports, &state_.profiles.ports(profile)};
}

// The internal port on the host's address, if another mapping has it whose remotes this one's is not among.
std::optional<PortGrant> PortAllocator::shared_port(const PortRequest& request, Endpoint remote) const {
  if (!state_.policy.misbehavior.port_overloading || !request.policy->preserve ||
      request.internal.port == 0) {
    return std::nullopt;
  }
  const std::uint16_t index = state_.pool.index_for(request.internal.address, request.paired);
  const Endpoint external{state_.pool[index].address, request.internal.port};
  const std::uint32_t holder = state_.mappings.find_external(request.protocol, external);
  if (holder == kNone || state_.mappings[holder].origin != Origin::dynamic) return std::nullopt;
  if (state_.sessions.find_inbound({request.protocol, external, remote}) != kNone) return std::nullopt;
  return PortGrant{index, external.port, std::nullopt};
}

PortAllocator::Supply PortAllocator::supply(Protocol protocol, Endpoint internal,
                                            std::uint8_t profile) const {
  Supply supply;
  const std::uint32_t host = state_.hosts.find(internal.address);
  if (host != kNone) {
    supply.mappings = state_.hosts[host].mappings;
    supply.sessions = state_.hosts[host].sessions;
  }
  if (state_.pool.empty()) return supply;
  const PortRequest request = request_for(protocol, internal, host, profile);
  const std::uint16_t index = state_.pool.index_for(internal.address, request.paired);
  const PortPool& ports = state_.pool[index].of(protocol);
  supply.external = state_.pool[index].address;
  supply.ranges = state_.pool.ranges_on(index, request);
  supply.free = ports.free_in(supply.ranges);
  supply.used = ports.used();
  supply.quarantined = ports.quarantined();
  return supply;
}

PortRelief PortAllocator::relief(Protocol protocol, Endpoint internal, std::uint8_t profile) const {
  const PortRequest request = request_for(protocol, internal, state_.hosts.find(internal.address), profile);
  return state_.pool.relief(request, occupied(protocol));
}

Endpoint PortAllocator::preview(Protocol protocol, Endpoint internal, Endpoint remote) const {
  if (state_.pool.empty()) return {};
  const std::uint8_t profile = state_.profiles.find(protocol, internal, remote.port);
  const PortRequest request = request_for(protocol, internal, state_.hosts.find(internal.address), profile);
  auto grant = shared_port(request, remote);
  if (!grant) grant = state_.pool.preview(request, occupied(protocol));
  if (!grant) return {};
  return {state_.pool[grant->address_index].address, grant->port};
}

std::function<bool(std::uint16_t)> PortAllocator::occupied(Protocol protocol) const {
  return [this, protocol](std::uint16_t port) {
    return state_.sockets != nullptr && state_.sockets->in_use(protocol, port);
  };
}

std::optional<PortGrant> PortAllocator::choose(const PortRequest& request, Endpoint remote, bool& shares) {
  unsigned budget = kWakeBudget;
  PortPool& own =
      state_.pool[state_.pool.index_for(request.internal.address, request.paired)].of(request.protocol);
  own.wake(state_.now, budget);
  state_.count_work(kWakeBudget - budget);
  std::optional<PortGrant> grant = shared_port(request, remote);
  shares = grant.has_value();
  return shares ? grant : state_.pool.choose(request, occupied(request.protocol));
}

bool PortAllocator::has_port(const PortRequest& request, Endpoint remote) const {
  return state_.pool.has_room(request) || shared_port(request, remote).has_value();
}

}  // namespace nat
