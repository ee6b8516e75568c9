#include "translation/state/views.h"

#include <algorithm>

namespace nat {
namespace {

BlockView view_block(const PortBlock& block) {
  return {block.external, block.ports, block.extra, block.host};
}

}  // namespace

MappingView view_mapping(const State& state, std::uint32_t mapping) {
  const Mapping& m = state.mappings[mapping];
  MappingView view;
  view.id = m.id;
  view.protocol = m.protocol;
  view.internal = m.internal;
  view.external = m.external;
  view.behavior = m.behavior;
  if (m.origin == Origin::dynamic) view.filtering = state.profile_of(m).of(m.protocol).filtering;
  view.remote = m.remote;
  view.sessions = m.confirmed.count + m.unconfirmed.count;
  view.dormant = m.dormant.count;
  view.origin = m.origin;
  if (m.origin != Origin::dynamic) {
    const auto found = state.statics.find(m.id);
    if (found != state.statics.end()) view.name = found->second.name.text();
  }
  if (m.origin == Origin::configured) return view;
  Tick latest = m.origin == Origin::leased ? m.lease_end : 0;
  std::uint32_t looked_at = 0;
  for (std::uint32_t s = m.confirmed.tail; s != kNone && looked_at < State::kMostLookedAt; ++looked_at) {
    latest = std::max(latest, state.sessions[s].deadline);
    s = state.sessions.links(s).previous_of_mapping;
  }
  state.count_work(1 + looked_at);
  view.expires = state.time_of(latest);
  return view;
}

SessionView view_session(const State& state, std::uint32_t number) {
  const Session& s = state.sessions[number];
  SessionView view;
  view.mapping_id = state.mappings[s.mapping].id;
  view.protocol = s.protocol;
  view.state = s.protocol == Protocol::tcp ? s.tcp.state : SessionState::active;
  view.internal = s.internal();
  view.external = s.external();
  view.remote = s.remote();
  view.initiator = s.from_outside ? Realm::external : Realm::internal;
  view.sent_bytes = s.sent_bytes;
  view.received_bytes = s.received_bytes;
  view.expires = state.time_of(s.deadline);
  return view;
}

std::optional<PortUse> port_use(const State& state, Endpoint external) {
  const auto index = state.pool.index_of(external.address);
  if (!index) return std::nullopt;
  PortUse use;
  if (const auto block = state.pool.blocks().at(external.address, external.port))
    use.block = view_block(*block);
  for (const Protocol protocol : kProtocols) {
    const std::uint32_t mapping = state.mappings.find_external(protocol, external);
    if (mapping != kNone && state.alive(mapping)) {
      use.holders.push_back({protocol, state.mappings[mapping].internal, false});
    } else if (const auto owner = state.pool[*index].of(protocol).quarantined_owner(external.port)) {
      use.holders.push_back({protocol, *owner, true});
    }
  }
  return use;
}

std::vector<BlockView> blocks_of(const State& state, Address internal) {
  std::vector<BlockView> views;
  const PortBlocks& blocks = state.pool.blocks();
  if (!blocks.on()) return views;
  if (const auto own = blocks.own(internal)) views.push_back(view_block(*own));
  for (const PortBlock& extra : blocks.extras_of(internal)) views.push_back(view_block(extra));
  return views;
}

void fill(Gauges& gauges, const State& state) {
  gauges.mappings = state.live_mappings;
  gauges.sessions = state.live_sessions;
  gauges.dormant = state.dormant.size();
  gauges.hosts = state.hosts.used();
  gauges.records =
      state.mappings.used() + state.sessions.used() + state.hosts.used() + state.permissions.used();
  for (const PoolAddress& address : state.pool.addresses()) {
    for (const Protocol protocol : kProtocols) {
      const PortPool& ports = address.of(protocol);
      gauges.pools.push_back(
          {address.address, protocol, ports.capacity(), ports.used(), ports.quarantined()});
    }
  }
}

}  // namespace nat
