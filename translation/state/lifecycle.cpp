#include "translation/state/lifecycle.h"

#include <algorithm>

namespace nat {
namespace {

// Sessions of a mapping that ends, which are forgotten at once; of a larger one the others are left to
// expire().
constexpr std::uint32_t kForgottenAtOnce = 64;

}  // namespace

// --- Mappings

std::optional<Reason> Lifecycle::refusal(Protocol protocol, Endpoint internal, Endpoint remote) const {
  if (state_.pool.empty()) return Reason::no_external_address;
  if (state_.live_mappings >= state_.policy.limits.mappings || state_.mappings.full())
    return Reason::mapping_limit;
  const std::uint8_t profile = state_.profiles.find(protocol, internal, remote.port);
  const std::uint32_t host = state_.hosts.find(internal.address);
  if (host == kNone) {
    if (state_.hosts.used() >= state_.policy.limits.hosts || state_.hosts.full()) return Reason::host_limit;
  } else if (const auto reason = mapping_quota(state_.hosts[host].usage(protocol),
                                               state_.profiles[profile].limits, protocol)) {
    return reason;
  }
  if (!ports_.has_port(ports_.request_for(protocol, internal, host, profile), remote))
    return Reason::ports_exhausted;
  return std::nullopt;
}

bool Lifecycle::too_fast(Address internal, std::uint8_t profile) const {
  const std::uint32_t rate = state_.profiles[profile].limits.mapping_rate_per_host;
  if (rate == 0) return false;
  const std::uint32_t host = state_.hosts.find(internal);
  return host != kNone && !state_.hosts[host].debt.allows(state_.tick(), rate);
}

std::uint32_t Lifecycle::make_mapping(Protocol protocol, Endpoint internal, Endpoint remote,
                                      Reason& refused) {
  if (const auto reason = refusal(protocol, internal, remote)) {
    refused = *reason;
    return kNone;
  }
  const std::uint8_t profile = state_.profiles.find(protocol, internal, remote.port);
  if (too_fast(internal.address, profile)) {
    refused = Reason::creation_rate;
    return kNone;
  }
  const std::uint32_t host = host_for(internal.address);
  bool shares = false;
  const auto grant = ports_.choose(ports_.request_for(protocol, internal, host, profile), remote, shares);
  if (!grant) {
    refused = Reason::ports_exhausted;
    release_host(host);
    return kNone;
  }
  state_.hosts[host].debt.charge(state_.tick(), state_.profiles[profile].limits.mapping_rate_per_host);
  if (grant->grown) notify_blocks({*grant->grown}, true);
  Mapping mapping{};
  mapping.internal = internal;
  mapping.external = {state_.pool[grant->address_index].address, grant->port};
  mapping.behavior = state_.profiles[profile].of(protocol).mapping;
  mapping.remote = trim(mapping.behavior, remote);
  mapping.remote_port = remote.port;
  mapping.profile = profile;
  mapping.shares = shares;
  mapping.host = host;
  mapping.protocol = protocol;
  mapping.origin = Origin::dynamic;
  return add_mapping(mapping);
}

std::uint32_t Lifecycle::add_mapping(Mapping mapping) {
  mapping.id = state_.next_id++;
  return adopt_mapping(mapping);
}

std::uint32_t Lifecycle::adopt_mapping(Mapping mapping) {
  mapping.live = true;
  mapping.lingers = false;
  mapping.confirmed = mapping.unconfirmed = mapping.dormant = SessionList{};
  mapping.address_generation = state_.pool.generation_of(mapping.external.address);
  mapping.profile_generation = state_.profile_generation;
  HostRecord& host = state_.hosts[mapping.host];
  // RFC 4787 REQ-2: whatever mapping comes first pairs the host with its address.
  if (!state_.is_external(host.external)) host.external = mapping.external.address;
  ++host.mappings;
  ++host.mappings_of[index_of(mapping.protocol)];
  ++host.records;
  if (mapping.origin != Origin::dynamic) ++host.fixed;
  ++state_.live_mappings;
  ++state_.counters.mappings_created;
  state_.count_work();
  return state_.mappings.insert(mapping);
}

Event& Lifecycle::notify(EventKind kind, const Mapping& mapping) {
  Event& event = state_.events.add(kind, state_.now);
  put_mapping(event, mapping);
  if (mapping.origin == Origin::leased) event.expires = state_.time_of(mapping.lease_end);
  if (mapping.origin == Origin::dynamic) return event;
  const auto found = state_.statics.find(mapping.id);
  if (found != state_.statics.end()) event.name = found->second.name;
  return event;
}

void Lifecycle::notify_made(std::uint32_t mapping) {
  notify(EventKind::mapping_made, state_.mappings[mapping]);
}

void Lifecycle::notify_changed(std::uint32_t mapping) {
  notify(EventKind::mapping_changed, state_.mappings[mapping]);
}

void Lifecycle::end_mapping(std::uint32_t mapping, RemovalCause cause) {
  Mapping& m = state_.mappings[mapping];
  Event& event = notify(EventKind::mapping_ended, m);
  event.cause = cause;
  // It was over when its last session ran out, not when it was looked at.
  const bool ran_out = cause == RemovalCause::expired && m.confirmed.head != kNone;
  event.expires =
      ran_out ? std::min(state_.time_of(state_.sessions[m.confirmed.head].deadline), state_.now) : state_.now;
  state_.mappings.unlink(mapping);
  release_port(m);
  if (m.origin != Origin::dynamic) state_.statics.erase(m.id);
  if (m.origin == Origin::leased) state_.leases.erase(mapping);
  m.live = false;
  const std::uint32_t sessions = m.confirmed.count + m.unconfirmed.count;
  state_.live_sessions -= sessions;
  state_.hosts[m.host].sessions -= sessions;
  count_unconfirmed(mapping, -static_cast<int>(m.unconfirmed.count));
  state_.counters.sessions_removed += sessions;
  --state_.hosts[m.host].mappings;
  --state_.hosts[m.host].mappings_of[index_of(m.protocol)];
  --state_.live_mappings;
  ++state_.counters.mappings_removed;
  state_.count_work();
  for (std::uint32_t i = 0; i < kForgottenAtOnce && m.confirmed.head != kNone; ++i) forget(m.confirmed.head);
  m.lingers = m.confirmed.head != kNone;
  if (m.lingers) ++state_.backlog.lingering;
  state_.backlog.ended.push_back(mapping);
  state_.refresh_settled();
}

void Lifecycle::release_port(const Mapping& m) {
  const auto index = state_.pool.index_of(m.external.address);
  if (!index || m.shares || state_.pool.generation_of(m.external.address) != m.address_generation) return;
  const bool rests = m.protocol != Protocol::tcp && m.origin == Origin::dynamic;
  state_.pool.release(*index, m.protocol, m.external.port, m.internal,
                      rests ? state_.now + state_.profile_of(m).ports.rest : state_.now, state_.now);
}

void Lifecycle::settle(std::uint32_t mapping) {
  Mapping& m = state_.mappings[mapping];
  if (!m.live) return;
  if (!state_.valid(m)) return end_mapping(mapping, RemovalCause::address_lost);
  m.profile = state_.profile_number(m);
  m.profile_generation = state_.profile_generation;
}

bool Lifecycle::expire_sessions(std::uint32_t mapping) {
  const Mapping& m = state_.mappings[mapping];
  for (std::uint32_t i = 0; i < State::kMostLookedAt && m.live && m.confirmed.head != kNone; ++i) {
    if (!state_.expired(state_.sessions[m.confirmed.head])) break;
    retire(m.confirmed.head);
  }
  return m.live;
}

void Lifecycle::quarantine(const QuarantinedPort& port) {
  state_.count_work();
  const auto index = state_.pool.index_of(port.external.address);
  if (!index || port.until <= state_.now) return;
  PortPool& ports = state_.pool[*index].of(port.protocol);
  if (!ports.free(port.external.port) || !ports.take(port.external.port, port.owner)) return;
  state_.pool.release(*index, port.protocol, port.external.port, port.owner, port.until, state_.now);
}

std::uint32_t Lifecycle::host_for(Address internal) {
  const std::uint32_t host = state_.hosts.find(internal);
  if (host != kNone) return host;
  if (state_.hosts.used() >= state_.policy.limits.hosts) return kNone;
  return state_.hosts.insert(internal);
}

void Lifecycle::release_host(std::uint32_t host) {
  // A static mapping needs no extra block.
  if (state_.hosts[host].records > state_.hosts[host].fixed) return;
  notify_blocks(state_.pool.blocks().take_back_all(state_.hosts[host].address), false);
  if (state_.hosts[host].records == 0) state_.hosts.erase(host);
}

void Lifecycle::notify_blocks(const std::vector<PortBlock>& blocks, bool given) {
  for (const PortBlock& block : blocks) {
    Event& event = state_.events.add(given ? EventKind::block_given : EventKind::block_returned, state_.now);
    put_block(event, block);
  }
}

void Lifecycle::set_origin(std::uint32_t mapping, Origin origin) {
  Mapping& m = state_.mappings[mapping];
  HostRecord& host = state_.hosts[m.host];
  if (m.origin != Origin::dynamic) --host.fixed;
  if (origin != Origin::dynamic) ++host.fixed;
  if (m.origin == Origin::leased) state_.leases.erase(mapping);
  m.origin = origin;
}

void Lifecycle::set_lease(std::uint32_t mapping, Duration lifetime) {
  Mapping& m = state_.mappings[mapping];
  set_origin(mapping, Origin::leased);
  m.lease_end = state_.deadline_in(lifetime);
  state_.leases.insert(mapping, m.lease_end);
}

// A mapping that is still in use goes on as a dynamic one.
void Lifecycle::end_lease(std::uint32_t mapping) {
  Mapping& m = state_.mappings[mapping];
  state_.count_work();
  if (state_.tick() < m.lease_end) {
    state_.leases.insert(mapping, m.lease_end);
    return;
  }
  state_.leases.insert(mapping, m.lease_end);  // end_mapping() expects it there
  expire_sessions(mapping);
  if (!m.live) return;
  if (m.confirmed.head == kNone) return end_mapping(mapping, RemovalCause::expired);
  set_origin(mapping, Origin::dynamic);
  state_.statics.erase(m.id);
  notify_changed(mapping);
}

// --- Sessions

std::optional<Reason> Lifecycle::session_refusal(Address internal, std::uint32_t mapping, Direction direction,
                                                 std::uint8_t profile, Address opened) const {
  const Limits& limits =
      mapping == kNone ? state_.profiles[profile].limits : state_.profile_of(state_.mappings[mapping]).limits;
  const bool inbound = direction == Direction::inbound;
  const SessionUsage in_all{state_.live_sessions + (opened.unspecified() ? 0U : 1U),
                            state_.unconfirmed_sessions};
  if (sessions_full(in_all, state_.policy.limits.sessions, inbound) ||
      (state_.sessions.full() && state_.dormant.oldest() == kNone)) {
    return Reason::session_limit;
  }
  const std::uint32_t host = state_.hosts.find(internal);
  if (host != kNone) {
    const HostRecord& record = state_.hosts[host];
    const SessionUsage of_host{record.sessions + (opened == internal ? 1U : 0U), record.unconfirmed};
    if (sessions_full(of_host, limits.sessions_per_host, inbound)) return Reason::host_session_limit;
  }
  if (mapping == kNone) return std::nullopt;
  const Mapping& m = state_.mappings[mapping];
  const SessionUsage of_mapping{m.confirmed.count + m.unconfirmed.count, m.unconfirmed.count};
  if (!sessions_full(of_mapping, limits.sessions_per_mapping, inbound)) return std::nullopt;
  return Reason::mapping_session_limit;
}

void Lifecycle::count_unconfirmed(std::uint32_t mapping, int change) {
  state_.unconfirmed_sessions += static_cast<std::uint32_t>(change);
  state_.hosts[state_.mappings[mapping].host].unconfirmed += static_cast<std::uint32_t>(change);
}

void Lifecycle::count_session(std::uint32_t mapping, bool confirmed, int change) {
  if (!state_.mappings[mapping].live) return;  // all of them were counted when it ended
  if (!confirmed) count_unconfirmed(mapping, change);
  state_.live_sessions += static_cast<std::uint32_t>(change);
  state_.hosts[state_.mappings[mapping].host].sessions += static_cast<std::uint32_t>(change);
  if (change < 0) ++state_.counters.sessions_removed;
}

// Gives up dormant remotes where a new session needs their place: the mapping's own first, then the oldest.
void Lifecycle::evict_dormant(std::uint32_t mapping) {
  const Mapping& m = state_.mappings[mapping];
  const std::uint32_t total = m.confirmed.count + m.unconfirmed.count + m.dormant.count;
  if (total >= state_.profile_of(m).limits.sessions_per_mapping && m.dormant.head != kNone)
    forget(m.dormant.head);
  if (state_.sessions.full() && state_.dormant.oldest() != kNone) forget(state_.dormant.oldest());
}

// What an ended mapping left at the external endpoint must not stand in the way of its next owner's session;
// nor what another mapping has there, where ports are shared.
void Lifecycle::displace(std::uint32_t number) {
  const Session& session = state_.sessions[number];
  const Mapping& m = state_.mappings[session.mapping];
  if (session.live && session.confirmed && m.live && m.origin == Origin::dynamic && m.confirmed.count == 1) {
    end_mapping(session.mapping, RemovalCause::expired);
  } else {
    forget(number);
  }
}

std::uint32_t Lifecycle::open_session(std::uint32_t mapping, Endpoint remote, Direction direction,
                                      Duration timeout) {
  Mapping& m = state_.mappings[mapping];
  const bool outbound = direction == Direction::outbound;
  bool confirmed = outbound;
  std::uint32_t number = state_.sessions.find_outbound({m.protocol, m.internal, remote});
  const std::uint32_t left = state_.sessions.find_inbound({m.protocol, m.external, remote});
  if (left != kNone && left != number) displace(left);
  if (number != kNone && state_.sessions[number].mapping != mapping) {
    // Only a dormant one can be there, whose mapping may have ended already.
    forget(number);
    number = kNone;
  }
  if (number == kNone) {
    evict_dormant(mapping);
    Session fresh{};
    fresh.internal_address = m.internal.address;
    fresh.internal_port = m.internal.port;
    fresh.external_address = m.external.address;
    fresh.external_port = m.external.port;
    fresh.remote_address = remote.address;
    fresh.remote_port = remote.port;
    fresh.protocol = m.protocol;
    fresh.mapping = mapping;
    number = state_.sessions.insert(fresh);
    if (outbound) state_.permissions.add(mapping, remote.address);
  } else {
    // The internal side has spoken on it before, whoever speaks first now.
    leave_dormant(number);
    confirmed = true;
  }
  Session& session = state_.sessions[number];
  session.profile = m.profile;
  session.live = true;
  session.confirmed = confirmed;
  session.from_outside = !outbound;
  session.established = false;
  session.tcp = TcpTrack{};
  session.sent_bytes = session.received_bytes = 0;
  session.deadline = state_.deadline_in(timeout);
  append(state_.sessions, confirmed ? m.confirmed : m.unconfirmed, number);
  state_.wheel.insert(number, session.deadline);
  count_session(mapping, confirmed, 1);
  ++state_.counters.sessions_created;
  state_.count_work();
  notify_session(EventKind::session_opened, number);
  return number;
}

void Lifecycle::adopt_session(std::uint32_t mapping, const Session& saved) {
  Mapping& m = state_.mappings[mapping];
  Session session = saved;
  session.internal_address = m.internal.address;
  session.internal_port = m.internal.port;
  session.external_address = m.external.address;
  session.external_port = m.external.port;
  session.protocol = m.protocol;
  session.profile = m.profile;
  session.mapping = mapping;
  if (session.dormant) session.deadline = state_.next_dormant++;
  const std::uint32_t number = state_.sessions.insert(session);
  if (session.dormant || session.confirmed) state_.permissions.add(mapping, session.remote_address);
  append(state_.sessions,
         session.dormant     ? m.dormant
         : session.confirmed ? m.confirmed
                             : m.unconfirmed,
         number);
  if (session.dormant) return state_.dormant.push(number);
  state_.wheel.insert(number, session.deadline);
  count_session(mapping, session.confirmed, 1);
}

void Lifecycle::notify_session(EventKind kind, std::uint32_t number) {
  if (!state_.events.sessions_followed()) return;
  const Session& session = state_.sessions[number];
  Event& event = notify(kind, state_.mappings[session.mapping]);
  event.session = number;
  event.generation = session.generation;
  event.remote = session.remote();
  event.state = session.protocol == Protocol::tcp ? session.tcp.state : SessionState::active;
  event.expires = state_.time_of(session.deadline);
}

void Lifecycle::confirm(std::uint32_t number) {
  Session& session = state_.sessions[number];
  Mapping& m = state_.mappings[session.mapping];
  remove(state_.sessions, m.unconfirmed, number);
  append(state_.sessions, m.confirmed, number);
  if (m.live) count_unconfirmed(session.mapping, -1);
  session.confirmed = true;
  state_.permissions.add(session.mapping, session.remote_address);
}

void Lifecycle::rearm(std::uint32_t number) {
  state_.wheel.erase(number);
  state_.wheel.insert(number, state_.sessions[number].deadline);
}

void Lifecycle::retire(std::uint32_t number) {
  const Session& session = state_.sessions[number];
  const std::uint32_t mapping = session.mapping;
  Mapping& m = state_.mappings[mapping];
  state_.count_work();
  if (!session.confirmed || m.origin != Origin::dynamic || !m.live) return forget(number);
  if (m.confirmed.count > 1) return make_dormant(number);
  end_mapping(mapping, RemovalCause::expired);
}

void Lifecycle::make_dormant(std::uint32_t number) {
  Session& session = state_.sessions[number];
  Mapping& m = state_.mappings[session.mapping];
  notify_session(EventKind::session_ended, number);
  state_.wheel.erase(number);
  remove(state_.sessions, m.confirmed, number);
  append(state_.sessions, m.dormant, number);
  count_session(session.mapping, true, -1);
  session.live = false;
  session.dormant = true;
  session.deadline = state_.next_dormant++;
  state_.dormant.push(number);
}

void Lifecycle::leave_dormant(std::uint32_t number) {
  state_.dormant.remove(number);
  remove(state_.sessions, state_.mappings[state_.sessions[number].mapping].dormant, number);
  state_.sessions[number].dormant = false;
}

void Lifecycle::forget(std::uint32_t number) {
  Session& session = state_.sessions[number];
  Mapping& m = state_.mappings[session.mapping];
  state_.count_work();
  if (session.dormant || session.confirmed)
    state_.permissions.remove(session.mapping, session.remote_address);
  if (session.dormant) {
    leave_dormant(number);
  } else {
    notify_session(EventKind::session_ended, number);
    state_.wheel.erase(number);
    remove(state_.sessions, session.confirmed ? m.confirmed : m.unconfirmed, number);
    count_session(session.mapping, session.confirmed, -1);
  }
  state_.sessions.erase(number);
}

}  // namespace nat
