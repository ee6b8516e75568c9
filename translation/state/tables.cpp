#include "translation/state/tables.h"

#include <algorithm>

#include "translation/ports/local_sockets.h"

namespace nat {
namespace {

// How many ports that have rested a new mapping wakes; the others are left to expire().
constexpr unsigned kWakeBudget = 64;

}  // namespace

Tables::Tables(Policy policy, Random& random, LocalSockets* sockets, TimePoint now)
    : policy_(std::move(policy)),
      random_(random),
      sockets_(sockets),
      epoch_(now),
      now_(now),
      secret_{random.next(), random.next()},
      sessions_(policy_.limits.sessions, secret_),
      mappings_(policy_.limits.mappings, secret_),
      hosts_(policy_.limits.hosts, secret_),
      permissions_(policy_.limits.sessions, secret_),
      wheel_(sessions_.timers()),
      pool_(random, secret_) {
  configure_pool();
  std::vector<std::string> ignored;
  configure_forwards(ignored);
}

Tick Tables::tick_of(TimePoint time) const {
  return static_cast<Tick>((time - epoch_).count() / kTickMilliseconds);
}

Tick Tables::deadline_in(Duration after) const {
  return static_cast<Tick>(((now_ - epoch_) + after).count() / kTickMilliseconds) + 1;
}

// RFC 4787 REQ-2: the same internal address always gets the same external one, and keeps the one it has when
// the pool changes.
Address Tables::paired_with(std::uint32_t host) const {
  return host == kNone ? Address() : hosts_[host].external;
}

bool Tables::alive(std::uint32_t mapping) const {
  const Mapping& m = mappings_[mapping];
  if (!m.live || m.origin == Origin::configured) return m.live;
  for (std::uint32_t s = m.confirmed.head; s != kNone; s = sessions_.links(s).next_of_mapping) {
    if (!expired(sessions_[s])) return true;
  }
  return false;
}

bool Tables::expire_sessions(std::uint32_t mapping) {
  const Mapping& m = mappings_[mapping];
  while (m.live && m.confirmed.head != kNone && expired(sessions_[m.confirmed.head]))
    retire(m.confirmed.head);
  return m.live;
}

PortRequest Tables::request_for(Protocol protocol, Endpoint internal, std::uint32_t host,
                                std::uint8_t profile) const {
  return {protocol, internal, paired_with(host), &profiles_[profile].ports, &profiles_.ports(profile)};
}

std::optional<Reason> Tables::refusal(Protocol protocol, Endpoint internal, Endpoint remote) const {
  if (pool_.empty()) return Reason::no_external_address;
  if (live_mappings_ >= policy_.limits.mappings || mappings_.full()) return Reason::mapping_limit;
  const std::uint8_t profile = profiles_.find(protocol, internal, remote.port);
  const Limits& limits = profiles_[profile].limits;
  const std::uint32_t host = hosts_.find(internal.address);
  if (host == kNone) {
    if (hosts_.used() >= policy_.limits.hosts || hosts_.full()) return Reason::host_limit;
  } else if (hosts_[host].mappings >= limits.mappings_per_host ||
             hosts_[host].mappings_of[index_of(protocol)] >= limits.mappings_per_host_of(protocol)) {
    return Reason::host_mapping_limit;
  }
  const PortRequest request = request_for(protocol, internal, host, profile);
  if (!pool_.has_room(request) && !shared_port(request, remote)) return Reason::ports_exhausted;
  return std::nullopt;
}

// The internal port on the host's address, if another mapping has it whose remotes this one's is not among.
std::optional<PortGrant> Tables::shared_port(const PortRequest& request, Endpoint remote) const {
  if (!policy_.misbehavior.port_overloading || !request.policy->preserve || request.internal.port == 0) {
    return std::nullopt;
  }
  const std::uint16_t index = pool_.index_for(request.internal.address, request.paired);
  const Endpoint external{pool_[index].address, request.internal.port};
  const std::uint32_t holder = mappings_.find_external(request.protocol, external);
  if (holder == kNone || mappings_[holder].origin == Origin::configured) return std::nullopt;
  if (sessions_.find_inbound({request.protocol, external, remote}) != kNone) return std::nullopt;
  return PortGrant{index, external.port, std::nullopt};
}

std::uint32_t Tables::debt_of(const HostRecord& host, std::uint32_t rate) const {
  const std::uint64_t paid = std::uint64_t{tick() - host.debt_as_of} * rate;
  return paid >= host.debt ? 0 : host.debt - static_cast<std::uint32_t>(paid);
}

bool Tables::too_fast(Address internal, std::uint8_t profile) const {
  const std::uint32_t rate = profiles_[profile].limits.mapping_rate_per_host;
  if (rate == 0) return false;
  const std::uint32_t host = hosts_.find(internal);
  return host != kNone &&
         debt_of(hosts_[host], rate) + kTicksPerSecond > std::uint64_t{rate} * kTicksPerSecond;
}

void Tables::charge(HostRecord& host, std::uint32_t rate) {
  if (rate == 0) return;
  host.debt = debt_of(host, rate) + kTicksPerSecond;
  host.debt_as_of = tick();
}

Tables::Supply Tables::supply(Protocol protocol, Endpoint internal, std::uint8_t profile) const {
  Supply supply;
  const std::uint32_t host = hosts_.find(internal.address);
  if (host != kNone) {
    supply.mappings = hosts_[host].mappings;
    supply.sessions = hosts_[host].sessions;
  }
  if (pool_.empty()) return supply;
  const PortRequest request = request_for(protocol, internal, host, profile);
  const std::uint16_t index = pool_.index_for(internal.address, request.paired);
  const PortPool& ports = pool_[index].of(protocol);
  supply.external = pool_[index].address;
  supply.ranges = pool_.ranges_on(index, request);
  supply.free = ports.free_in(supply.ranges);
  supply.used = ports.used();
  supply.quarantined = ports.quarantined();
  return supply;
}

PortRelief Tables::port_relief(Protocol protocol, Endpoint internal, std::uint8_t profile) const {
  const PortRequest request = request_for(protocol, internal, hosts_.find(internal.address), profile);
  return pool_.relief(request, occupied(protocol));
}

Endpoint Tables::external_for(Protocol protocol, Endpoint internal, Endpoint remote) const {
  if (pool_.empty()) return {};
  const std::uint8_t profile = profiles_.find(protocol, internal, remote.port);
  const PortRequest request = request_for(protocol, internal, hosts_.find(internal.address), profile);
  auto grant = shared_port(request, remote);
  if (!grant) grant = pool_.preview(request, occupied(protocol));
  if (!grant) return {};
  return {pool_[grant->address_index].address, grant->port};
}

std::function<bool(std::uint16_t)> Tables::occupied(Protocol protocol) const {
  return [this, protocol](std::uint16_t port) {
    return sockets_ != nullptr && sockets_->in_use(protocol, port);
  };
}

std::uint32_t Tables::make_mapping(Protocol protocol, Endpoint internal, Endpoint remote, Reason& refused) {
  if (const auto reason = refusal(protocol, internal, remote)) {
    refused = *reason;
    return kNone;
  }
  const std::uint8_t profile = profiles_.find(protocol, internal, remote.port);
  if (too_fast(internal.address, profile)) {
    refused = Reason::creation_rate;
    return kNone;
  }
  std::uint32_t host = hosts_.find(internal.address);
  if (host == kNone) host = hosts_.insert(internal.address);
  const PortRequest request = request_for(protocol, internal, host, profile);
  unsigned budget = kWakeBudget;
  pool_[pool_.index_for(internal.address, request.paired)].of(protocol).wake(now_, budget);
  std::optional<PortGrant> grant = shared_port(request, remote);
  const bool shares = grant.has_value();
  if (!shares) grant = pool_.choose(request, occupied(protocol));
  if (!grant) {
    refused = Reason::ports_exhausted;
    release_host(host);
    return kNone;
  }
  charge(hosts_[host], profiles_[profile].limits.mapping_rate_per_host);
  if (grant->grown) tell_of_blocks({*grant->grown}, true);
  Mapping mapping{};
  mapping.internal = internal;
  mapping.external = {pool_[grant->address_index].address, grant->port};
  mapping.behavior = profiles_[profile].of(protocol).mapping;
  mapping.remote = trim(mapping.behavior, remote);
  mapping.remote_port = remote.port;
  mapping.profile = profile;
  mapping.shares = shares;
  mapping.host = host;
  if (!pool_.index_of(hosts_[host].external)) hosts_[host].external = mapping.external.address;
  mapping.address_index = grant->address_index;
  mapping.protocol = protocol;
  mapping.origin = Origin::dynamic;
  return add_mapping(mapping);
}

std::uint32_t Tables::add_mapping(Mapping mapping) {
  mapping.id = next_id_++;
  mapping.live = true;
  mapping.confirmed = mapping.unconfirmed = mapping.dormant = SessionList{};
  const std::uint32_t number = mappings_.insert(mapping);
  ++hosts_[mapping.host].mappings;
  ++hosts_[mapping.host].mappings_of[index_of(mapping.protocol)];
  ++hosts_[mapping.host].records;
  if (mapping.origin == Origin::configured) ++hosts_[mapping.host].configured;
  ++live_mappings_;
  ++counters_.mappings_created;
  return number;
}

void Tables::end_mapping(std::uint32_t mapping, RemovalCause cause) {
  Mapping& m = mappings_[mapping];
  if (observer_ != nullptr) observer_->mapping_removed(view(mapping), cause, now_);
  mappings_.unlink(mapping);
  m.live = false;
  if (const auto index = pool_.index_of(m.external.address); index && !m.shares) {
    const bool rests = m.protocol != Protocol::tcp && m.origin == Origin::dynamic;
    pool_.release(*index, m.protocol, m.external.port, m.internal,
                  rests ? now_ + profile_of(m).ports.rest : now_, now_);
  }
  names_.erase(m.id);
  --live_mappings_;
  ++counters_.mappings_removed;
  // A flush must take effect on open sessions at once; sessions that have run out can wait for expire().
  while (m.confirmed.head != kNone) forget(m.confirmed.head);
  --hosts_[m.host].mappings;
  --hosts_[m.host].mappings_of[index_of(m.protocol)];
  ended_.push_back(mapping);
}

void Tables::rest(const QuarantinedPort& port) {
  const auto index = pool_.index_of(port.external.address);
  if (!index || port.until <= now_) return;
  PortPool& ports = pool_[*index].of(port.protocol);
  if (!ports.free(port.external.port) || !ports.take(port.external.port, port.owner)) return;
  pool_.release(*index, port.protocol, port.external.port, port.owner, port.until, now_);
}

void Tables::release_host(std::uint32_t host) {
  // What the operator asked for needs no extra block.
  if (hosts_[host].records > hosts_[host].configured) return;
  tell_of_blocks(pool_.blocks().take_back_all(hosts_[host].address), false);
  if (hosts_[host].records == 0) hosts_.erase(host);
}

void Tables::tell_of_blocks(const std::vector<PortBlock>& blocks, bool given) {
  if (observer_ == nullptr) return;
  for (const PortBlock& block : blocks) observer_->block_changed(view(block), given, now_);
}

// Forgets what ended mappings left. False when the budget ran out first.
bool Tables::purge_ended(unsigned& budget) {
  while (!ended_.empty()) {
    const std::uint32_t mapping = ended_.back();
    Mapping& m = mappings_[mapping];
    for (SessionList* list : {&m.unconfirmed, &m.dormant}) {
      while (list->head != kNone) {
        if (budget == 0) return false;
        --budget;
        forget(list->head);
      }
    }
    --hosts_[m.host].records;
    if (m.origin == Origin::configured) --hosts_[m.host].configured;
    release_host(m.host);
    mappings_.give_back(mapping);
    ended_.pop_back();
  }
  return true;
}

std::optional<Reason> Tables::session_refusal(Address internal, std::uint32_t mapping, Direction direction,
                                              std::uint8_t profile, Address opened) const {
  const Limits& limits = profiles_[mapping == kNone ? profile : mappings_[mapping].profile].limits;
  const std::uint32_t live = live_sessions_ + (opened.unspecified() ? 0 : 1);
  if (live >= policy_.limits.sessions || (sessions_.full() && oldest_dormant_ == kNone)) {
    return Reason::session_limit;
  }
  const std::uint32_t host = hosts_.find(internal);
  const std::uint32_t more = opened == internal ? 1 : 0;
  if (host != kNone && hosts_[host].sessions + more >= limits.sessions_per_host) {
    return Reason::host_session_limit;
  }
  if (mapping == kNone) return std::nullopt;
  // What comes from outside may take half of what a mapping may have, so that strangers cannot shut its owner
  // out.
  const Mapping& m = mappings_[mapping];
  const std::uint32_t most = limits.sessions_per_mapping;
  if (m.confirmed.count + m.unconfirmed.count >= most ||
      (direction == Direction::inbound && m.unconfirmed.count >= (most + 1) / 2)) {
    return Reason::mapping_session_limit;
  }
  return std::nullopt;
}

void Tables::count_session(std::uint32_t mapping, int change) {
  live_sessions_ += static_cast<std::uint32_t>(change);
  hosts_[mappings_[mapping].host].sessions += static_cast<std::uint32_t>(change);
}

// Gives up dormant remotes where a new session needs their room: the mapping's own first, then the oldest.
void Tables::evict(std::uint32_t mapping) {
  const Mapping& m = mappings_[mapping];
  const std::uint32_t total = m.confirmed.count + m.unconfirmed.count + m.dormant.count;
  if (total >= profile_of(m).limits.sessions_per_mapping && m.dormant.head != kNone) forget(m.dormant.head);
  if (sessions_.full() && oldest_dormant_ != kNone) forget(oldest_dormant_);
}

// What an ended mapping left at the external endpoint must not stand in the way of its next owner's session;
// nor what another mapping has there, where ports are shared.
void Tables::displace(std::uint32_t number) {
  const Session& session = sessions_[number];
  const Mapping& m = mappings_[session.mapping];
  if (session.live && session.confirmed && m.live && m.origin == Origin::dynamic && m.confirmed.count == 1) {
    end_mapping(session.mapping, RemovalCause::expired);
  } else {
    forget(number);
  }
}

std::uint32_t Tables::open_session(std::uint32_t mapping, Endpoint remote, Direction direction,
                                   Duration timeout) {
  Mapping& m = mappings_[mapping];
  const bool outbound = direction == Direction::outbound;
  bool confirmed = outbound;
  std::uint32_t number = sessions_.find_outbound({m.protocol, m.internal, remote});
  const std::uint32_t left = sessions_.find_inbound({m.protocol, m.external, remote});
  if (left != kNone && left != number) displace(left);
  if (number != kNone) {
    // Only a dormant one can be there, whose mapping may have ended already.
    if (sessions_[number].mapping != mapping) {
      forget(number);
      number = kNone;
    }
  }
  if (number == kNone) {
    evict(mapping);
    Session fresh{};
    fresh.internal_address = m.internal.address;
    fresh.internal_port = m.internal.port;
    fresh.external_address = m.external.address;
    fresh.external_port = m.external.port;
    fresh.remote_address = remote.address;
    fresh.remote_port = remote.port;
    fresh.protocol = m.protocol;
    fresh.profile = m.profile;
    fresh.mapping = mapping;
    number = sessions_.insert(fresh);
    if (outbound) permissions_.add(mapping, remote.address);
  } else {
    // The internal side has spoken on it before, whoever speaks first now.
    leave_dormant(number);
    confirmed = true;
  }
  Session& session = sessions_[number];
  session.live = true;
  session.confirmed = confirmed;
  session.from_outside = !outbound;
  session.tcp = TcpTrack{};
  session.sent_bytes = session.received_bytes = 0;
  session.deadline = deadline_in(timeout);
  append(sessions_, confirmed ? m.confirmed : m.unconfirmed, number);
  wheel_.insert(number, session.deadline);
  count_session(mapping, 1);
  ++counters_.sessions_created;
  return number;
}

void Tables::mark_confirmed(std::uint32_t number) {
  Session& session = sessions_[number];
  Mapping& m = mappings_[session.mapping];
  remove(sessions_, m.unconfirmed, number);
  append(sessions_, m.confirmed, number);
  session.confirmed = true;
  permissions_.add(session.mapping, session.remote_address);
}

void Tables::rearm(std::uint32_t number) {
  wheel_.erase(number);
  wheel_.insert(number, sessions_[number].deadline);
}

void Tables::retire(std::uint32_t number) {
  const Session& session = sessions_[number];
  const std::uint32_t mapping = session.mapping;
  Mapping& m = mappings_[mapping];
  if (!session.confirmed || m.origin == Origin::configured || !m.live) {
    forget(number);
    return;
  }
  if (m.confirmed.count > 1) {
    make_dormant(number);
    return;
  }
  end_mapping(mapping, RemovalCause::expired);
}

void Tables::make_dormant(std::uint32_t number) {
  Session& session = sessions_[number];
  Mapping& m = mappings_[session.mapping];
  wheel_.erase(number);
  remove(sessions_, m.confirmed, number);
  append(sessions_, m.dormant, number);
  count_session(session.mapping, -1);
  ++counters_.sessions_removed;
  session.live = false;
  session.dormant = true;
  sessions_.timers()[number] = {newest_dormant_, kNone, 0};
  (newest_dormant_ == kNone ? oldest_dormant_ : sessions_.timers()[newest_dormant_].next) = number;
  newest_dormant_ = number;
  ++dormant_;
}

void Tables::leave_dormant(std::uint32_t number) {
  const TimerLink link = sessions_.timers()[number];
  (link.previous == kNone ? oldest_dormant_ : sessions_.timers()[link.previous].next) = link.next;
  (link.next == kNone ? newest_dormant_ : sessions_.timers()[link.next].previous) = link.previous;
  remove(sessions_, mappings_[sessions_[number].mapping].dormant, number);
  sessions_[number].dormant = false;
  --dormant_;
}

void Tables::forget(std::uint32_t number) {
  Session& session = sessions_[number];
  Mapping& m = mappings_[session.mapping];
  if (session.dormant || session.confirmed) permissions_.remove(session.mapping, session.remote_address);
  if (session.dormant) {
    leave_dormant(number);
  } else {
    wheel_.erase(number);
    remove(sessions_, session.confirmed ? m.confirmed : m.unconfirmed, number);
    count_session(session.mapping, -1);
    ++counters_.sessions_removed;
  }
  sessions_.erase(number);
}

bool Tables::expire(unsigned budget) {
  const Tick now = tick();
  for (; budget > 0; --budget) {
    const std::uint32_t number = wheel_.take_due(now);
    if (number == kNone) break;
    // Back into the wheel first: retire() expects every live session there.
    wheel_.insert(number, sessions_[number].deadline);
    if (expired(sessions_[number])) retire(number);
  }
  const bool cleared = purge_ended(budget);
  pool_.wake(now_, budget);
  return budget == 0 || !cleared;
}

MappingView Tables::view(std::uint32_t mapping) const {
  const Mapping& m = mappings_[mapping];
  MappingView view;
  view.id = m.id;
  view.protocol = m.protocol;
  view.internal = m.internal;
  view.external = m.external;
  view.behavior = m.behavior;
  if (m.origin == Origin::dynamic) view.filtering = profile_of(m).of(m.protocol).filtering;
  view.remote = m.remote;
  view.sessions = m.confirmed.count + m.unconfirmed.count;
  view.dormant = m.dormant.count;
  view.origin = m.origin;
  if (m.origin == Origin::configured) {
    const auto name = names_.find(m.id);
    if (name != names_.end()) view.name = name->second;
    return view;
  }
  Tick latest = 0;
  for (std::uint32_t s = m.confirmed.head; s != kNone; s = sessions_.links(s).next_of_mapping) {
    latest = std::max(latest, sessions_[s].deadline);
  }
  view.expires = time_of(latest);
  return view;
}

SessionView Tables::view_session(std::uint32_t number) const {
  const Session& s = sessions_[number];
  SessionView view;
  view.mapping_id = mappings_[s.mapping].id;
  view.protocol = s.protocol;
  view.state = s.protocol == Protocol::tcp ? s.tcp.state : SessionState::active;
  view.internal = s.internal();
  view.external = s.external();
  view.remote = s.remote();
  view.initiator = s.from_outside ? Realm::external : Realm::internal;
  view.sent_bytes = s.sent_bytes;
  view.received_bytes = s.received_bytes;
  view.expires = time_of(s.deadline);
  return view;
}

std::optional<PortUse> Tables::port_use(Endpoint external) const {
  const auto index = pool_.index_of(external.address);
  if (!index) return std::nullopt;
  PortUse use;
  if (const auto block = pool_.blocks().at(external.address, external.port)) use.block = view(*block);
  for (const Protocol protocol : kProtocols) {
    const std::uint32_t mapping = mappings_.find_external(protocol, external);
    if (mapping != kNone && alive(mapping)) {
      use.holders.push_back({protocol, mappings_[mapping].internal, false});
    } else if (const auto owner = pool_[*index].of(protocol).quarantined_owner(external.port)) {
      use.holders.push_back({protocol, *owner, true});
    }
  }
  return use;
}

std::vector<BlockView> Tables::blocks_of(Address internal) const {
  std::vector<BlockView> views;
  const PortBlocks& blocks = pool_.blocks();
  if (!blocks.on()) return views;
  if (const auto own = blocks.own(internal)) views.push_back(view(*own));
  for (const PortBlock& extra : blocks.extras_of(internal)) views.push_back(view(extra));
  return views;
}

BlockView Tables::view(const PortBlock& block) const {
  return {block.external, block.ports, block.extra, block.host};
}

void Tables::fill(Gauges& gauges) const {
  gauges.mappings = live_mappings_;
  gauges.sessions = live_sessions_;
  gauges.dormant = dormant_;
  gauges.hosts = hosts_.used();
  gauges.records = mappings_.used() + sessions_.used() + hosts_.used() + permissions_.used();
  for (const PoolAddress& address : pool_.addresses()) {
    for (const Protocol protocol : kProtocols) {
      const PortPool& ports = address.of(protocol);
      gauges.pools.push_back(
          {address.address, protocol, ports.capacity(), ports.used(), ports.quarantined()});
    }
  }
}

}  // namespace nat
