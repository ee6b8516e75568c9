#include "translation/tables.h"

#include <algorithm>

#include "translation/engine.h"

namespace nat {
namespace {

constexpr std::uint16_t kFirstUserPort = 1024;
// How often a port that a socket of the gateway occupies is put aside for another.
constexpr int kPortAttempts = 16;
// How many ports that have rested a new mapping wakes; the others are left to expire().
constexpr unsigned kWakeBudget = 64;

}  // namespace

Tables::Tables(Policy policy, Random& random, Host* host, TimePoint now)
    : policy_(std::move(policy)),
      random_(random),
      host_(host),
      epoch_(now),
      now_(now),
      secret_{random.next(), random.next()},
      sessions_(policy_.limits.sessions, secret_),
      mappings_(policy_.limits.mappings, secret_),
      hosts_(policy_.limits.hosts, secret_),
      permissions_(policy_.limits.sessions, secret_),
      wheel_(sessions_.timers()) {
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

std::optional<std::uint16_t> Tables::pool_index(Address external) const {
  for (std::size_t i = 0; i < pool_.size(); ++i) {
    if (pool_[i].address == external) return static_cast<std::uint16_t>(i);
  }
  return std::nullopt;
}

// RFC 4787 REQ-2: the same internal address always gets the same external one, and keeps the one it has when
// the pool changes.
std::uint16_t Tables::pool_index_for(Address internal) const {
  if (pool_.size() == 1) return 0;
  if (const std::uint32_t host = hosts_.find(internal); host != kNone) {
    if (const auto present = pool_index(hosts_[host].external)) return *present;
  }
  if (const auto own = pool_index(internal)) return *own;  // the gateway's own echo requests
  return static_cast<std::uint16_t>(siphash13(secret_, internal.value(), 0x706f6f6c) % pool_.size());
}

bool Tables::alive(std::uint32_t mapping) const {
  const Mapping& m = mappings_[mapping];
  if (!m.live || m.origin == Origin::configured) return m.live;
  for (std::uint32_t s = m.answered.head; s != kNone; s = sessions_.links(s).next_of_mapping) {
    if (!expired(sessions_[s])) return true;
  }
  return false;
}

bool Tables::tidy(std::uint32_t mapping) {
  const Mapping& m = mappings_[mapping];
  while (m.live && m.answered.head != kNone && expired(sessions_[m.answered.head])) retire(m.answered.head);
  return m.live;
}

std::optional<Reason> Tables::refusal(Protocol protocol, Endpoint internal) const {
  if (pool_.empty()) return Reason::no_external_address;
  if (live_mappings_ >= policy_.limits.mappings || mappings_.full()) return Reason::mapping_limit;
  const std::uint32_t host = hosts_.find(internal.address);
  if (host == kNone) {
    if (hosts_.used() >= policy_.limits.hosts || hosts_.full()) return Reason::host_limit;
  } else if (hosts_[host].mappings >= policy_.limits.mappings_per_host) {
    return Reason::host_mapping_limit;
  }
  const PortPool& pool = pool_[pool_index_for(internal.address)].of(protocol);
  const PortRange range = port_class(pool, protocol, internal.port);
  if (pool.free_in(range.first, range.last) == 0 &&
      !(policy_.ports.preserve && pool.may_take(internal.port, internal))) {
    return Reason::ports_exhausted;
  }
  return std::nullopt;
}

// RFC 4787 REQ-3a. An operator whose ranges leave one class out gets the other one for both. Identifiers of
// ICMP queries have no classes.
PortRange Tables::port_class(const PortPool& pool, Protocol protocol, std::uint16_t internal_port) const {
  if (protocol == Protocol::icmp) return {1, 65535};
  const PortRange system{1, kFirstUserPort - 1};
  const PortRange user{kFirstUserPort, 65535};
  const PortRange wanted = internal_port < kFirstUserPort ? system : user;
  if (pool.serves(wanted.first, wanted.last)) return wanted;
  return internal_port < kFirstUserPort ? user : system;
}

std::optional<std::uint16_t> Tables::choose_port(PortPool& pool, Protocol protocol, Endpoint internal) {
  unsigned budget = kWakeBudget;
  pool.wake(now_, budget);
  const auto occupied = [&](std::uint16_t port) { return host_ != nullptr && host_->in_use(protocol, port); };
  const PortRange range = port_class(pool, protocol, internal.port);
  const bool in_class = internal.port >= range.first && internal.port <= range.last;
  const bool sequential = policy_.ports.allocation == Allocation::sequential;
  if (policy_.ports.preserve && !sequential && in_class && !occupied(internal.port) &&
      pool.take(internal.port, internal)) {
    return internal.port;
  }
  const std::optional<unsigned> parity =
      policy_.ports.preserve_parity ? std::optional<unsigned>(internal.port & 1U) : std::nullopt;
  std::vector<std::uint16_t> put_aside;
  std::optional<std::uint16_t> chosen;
  for (int attempt = 0; attempt < kPortAttempts && !chosen; ++attempt) {
    chosen = sequential ? pool.pick_next(range.first, range.last)
                        : pool.pick(random_, range.first, range.last, parity);
    if (!chosen) break;
    if (occupied(*chosen)) {
      put_aside.push_back(*chosen);
      chosen.reset();
    }
  }
  for (const std::uint16_t port : put_aside) pool.release(port, {}, now_, now_);
  return chosen;
}

std::uint32_t Tables::tokens_of(const HostRecord& host) const {
  const std::uint32_t rate = policy_.limits.mapping_rate_per_host;
  const std::uint64_t earned = std::uint64_t{tick() - host.refilled} * rate;
  const std::uint64_t depth = std::uint64_t{rate} * kTicksPerSecond;
  return static_cast<std::uint32_t>(std::min(depth, host.tokens + earned));
}

bool Tables::too_fast(Address internal) const {
  const std::uint32_t host = hosts_.find(internal);
  return host != kNone && policy_.limits.mapping_rate_per_host != 0 &&
         tokens_of(hosts_[host]) < kTicksPerSecond;
}

Tables::Supply Tables::supply(Protocol protocol, Endpoint internal) const {
  Supply supply;
  if (const std::uint32_t host = hosts_.find(internal.address); host != kNone) {
    supply.mappings = hosts_[host].mappings;
    supply.sessions = hosts_[host].sessions;
  }
  if (pool_.empty()) return supply;
  const PoolAddress& address = pool_[pool_index_for(internal.address)];
  const PortPool& ports = address.of(protocol);
  supply.external = address.address;
  supply.range = port_class(ports, protocol, internal.port);
  supply.free = ports.free_in(supply.range.first, supply.range.last);
  supply.used = ports.used();
  supply.resting = ports.resting();
  return supply;
}

bool Tables::spend_token(HostRecord& host) {
  if (policy_.limits.mapping_rate_per_host == 0) return true;
  host.tokens = tokens_of(host);
  host.refilled = tick();
  if (host.tokens < kTicksPerSecond) return false;
  host.tokens -= kTicksPerSecond;
  return true;
}

std::uint32_t Tables::make_mapping(Protocol protocol, Endpoint internal, Endpoint remote, Reason& refused) {
  if (const auto reason = refusal(protocol, internal)) {
    refused = *reason;
    return kNone;
  }
  std::uint32_t host = hosts_.find(internal.address);
  if (host == kNone) {
    host = hosts_.insert(internal.address);
    hosts_[host].tokens = policy_.limits.mapping_rate_per_host * kTicksPerSecond;
    hosts_[host].refilled = tick();
  }
  const std::uint16_t index = pool_index_for(internal.address);
  std::optional<std::uint16_t> port;
  refused = Reason::creation_rate;
  if (spend_token(hosts_[host])) {
    refused = Reason::ports_exhausted;
    port = choose_port(pool_[index].of(protocol), protocol, internal);
  }
  if (!port) {
    release_host(host);
    return kNone;
  }
  Mapping mapping{};
  mapping.internal = internal;
  mapping.external = {pool_[index].address, *port};
  mapping.behavior = policy_.of(protocol).mapping;
  mapping.remote = trim(mapping.behavior, remote);
  mapping.host = host;
  hosts_[host].external = pool_[index].address;
  mapping.address_index = index;
  mapping.protocol = protocol;
  mapping.origin = Origin::dynamic;
  return add_mapping(mapping);
}

std::uint32_t Tables::add_mapping(Mapping mapping) {
  mapping.id = next_id_++;
  mapping.live = true;
  mapping.answered = mapping.unanswered = mapping.remembered = SessionList{};
  const std::uint32_t number = mappings_.insert(mapping);
  ++hosts_[mapping.host].mappings;
  ++hosts_[mapping.host].records;
  ++live_mappings_;
  ++counters_.mappings_created;
  return number;
}

void Tables::end_mapping(std::uint32_t mapping, RemovalCause cause) {
  Mapping& m = mappings_[mapping];
  if (observer_ != nullptr) observer_->mapping_removed(view(mapping), cause, now_);
  mappings_.unlink(mapping);
  m.live = false;
  if (m.address_index < pool_.size() && pool_[m.address_index].address == m.external.address) {
    const bool rests = m.protocol != Protocol::tcp && m.origin == Origin::dynamic;
    pool_[m.address_index]
        .of(m.protocol)
        .release(m.external.port, m.internal, rests ? now_ + policy_.ports.rest : now_, now_);
  }
  names_.erase(m.id);
  --live_mappings_;
  ++counters_.mappings_removed;
  // A flush must take effect on open sessions at once; sessions that have run out can wait for expire().
  while (m.answered.head != kNone) forget(m.answered.head);
  --hosts_[m.host].mappings;
  ended_.push_back(mapping);
}

void Tables::release_host(std::uint32_t host) {
  if (hosts_[host].records == 0) hosts_.erase(host);
}

// Forgets what ended mappings left. False when the budget ran out first.
bool Tables::clear_ended(unsigned& budget) {
  while (!ended_.empty()) {
    const std::uint32_t mapping = ended_.back();
    Mapping& m = mappings_[mapping];
    for (SessionList* list : {&m.unanswered, &m.remembered}) {
      while (list->head != kNone) {
        if (budget == 0) return false;
        --budget;
        forget(list->head);
      }
    }
    --hosts_[m.host].records;
    release_host(m.host);
    mappings_.give_back(mapping);
    ended_.pop_back();
  }
  return true;
}

std::optional<Reason> Tables::session_refusal(Address internal, std::uint32_t mapping,
                                              Direction direction) const {
  if (live_sessions_ >= policy_.limits.sessions || (sessions_.full() && oldest_remembered_ == kNone)) {
    return Reason::session_limit;
  }
  const std::uint32_t host = hosts_.find(internal);
  if (host != kNone && hosts_[host].sessions >= policy_.limits.sessions_per_host) {
    return Reason::host_session_limit;
  }
  if (mapping == kNone) return std::nullopt;
  // What comes from outside may take half of what a mapping may have, so that strangers cannot shut its owner
  // out.
  const Mapping& m = mappings_[mapping];
  const std::uint32_t most = policy_.limits.sessions_per_mapping;
  if (m.answered.count + m.unanswered.count >= most ||
      (direction == Direction::inbound && m.unanswered.count >= (most + 1) / 2)) {
    return Reason::mapping_session_limit;
  }
  return std::nullopt;
}

void Tables::count_session(std::uint32_t mapping, int change) {
  live_sessions_ += static_cast<std::uint32_t>(change);
  hosts_[mappings_[mapping].host].sessions += static_cast<std::uint32_t>(change);
}

// Gives up remembered remotes where a new session needs their room: the mapping's own first, then the oldest.
void Tables::make_room(std::uint32_t mapping) {
  const Mapping& m = mappings_[mapping];
  const std::uint32_t total = m.answered.count + m.unanswered.count + m.remembered.count;
  if (total >= policy_.limits.sessions_per_mapping && m.remembered.head != kNone) forget(m.remembered.head);
  if (sessions_.full() && oldest_remembered_ != kNone) forget(oldest_remembered_);
}

std::uint32_t Tables::open_session(std::uint32_t mapping, Endpoint remote, Direction direction,
                                   Duration timeout) {
  Mapping& m = mappings_[mapping];
  const bool outbound = direction == Direction::outbound;
  bool answered = outbound;
  std::uint32_t number = sessions_.find_outbound({m.protocol, m.internal, remote});
  // What an ended mapping left at the external endpoint must not stand in the way of its next owner's
  // session.
  const std::uint32_t left = sessions_.find_inbound({m.protocol, m.external, remote});
  if (left != kNone && left != number) forget(left);
  if (number != kNone) {
    // Only a remembered one can be there, whose mapping may have ended already.
    if (sessions_[number].mapping != mapping) {
      forget(number);
      number = kNone;
    }
  }
  if (number == kNone) {
    make_room(mapping);
    Session fresh{};
    fresh.internal_address = m.internal.address;
    fresh.internal_port = m.internal.port;
    fresh.external_address = m.external.address;
    fresh.external_port = m.external.port;
    fresh.remote_address = remote.address;
    fresh.remote_port = remote.port;
    fresh.protocol = m.protocol;
    fresh.mapping = mapping;
    number = sessions_.insert(fresh);
    if (outbound) permissions_.add(mapping, remote.address);
  } else {
    // The internal side has spoken on it before, whoever speaks first now.
    unremember(number);
    answered = true;
  }
  Session& session = sessions_[number];
  session.live = true;
  session.answered = answered;
  session.from_outside = !outbound;
  session.tcp = TcpTrack{};
  session.sent_bytes = session.received_bytes = 0;
  session.deadline = deadline_in(timeout);
  append(sessions_, answered ? m.answered : m.unanswered, number);
  wheel_.insert(number, session.deadline);
  count_session(mapping, 1);
  ++counters_.sessions_created;
  return number;
}

void Tables::mark_answered(std::uint32_t number) {
  Session& session = sessions_[number];
  Mapping& m = mappings_[session.mapping];
  remove(sessions_, m.unanswered, number);
  append(sessions_, m.answered, number);
  session.answered = true;
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
  if (!session.answered || m.origin == Origin::configured || !m.live) {
    forget(number);
    return;
  }
  if (m.answered.count > 1) {
    remember(number);
    return;
  }
  end_mapping(mapping, RemovalCause::expired);
}

void Tables::remember(std::uint32_t number) {
  Session& session = sessions_[number];
  Mapping& m = mappings_[session.mapping];
  wheel_.erase(number);
  remove(sessions_, m.answered, number);
  append(sessions_, m.remembered, number);
  count_session(session.mapping, -1);
  ++counters_.sessions_removed;
  session.live = false;
  session.remembered = true;
  sessions_.timers()[number] = {newest_remembered_, kNone, 0};
  (newest_remembered_ == kNone ? oldest_remembered_ : sessions_.timers()[newest_remembered_].next) = number;
  newest_remembered_ = number;
  ++remembered_;
}

void Tables::unremember(std::uint32_t number) {
  const TimerLink link = sessions_.timers()[number];
  (link.previous == kNone ? oldest_remembered_ : sessions_.timers()[link.previous].next) = link.next;
  (link.next == kNone ? newest_remembered_ : sessions_.timers()[link.next].previous) = link.previous;
  remove(sessions_, mappings_[sessions_[number].mapping].remembered, number);
  sessions_[number].remembered = false;
  --remembered_;
}

void Tables::forget(std::uint32_t number) {
  Session& session = sessions_[number];
  Mapping& m = mappings_[session.mapping];
  if (session.remembered || session.answered) permissions_.remove(session.mapping, session.remote_address);
  if (session.remembered) {
    unremember(number);
  } else {
    wheel_.erase(number);
    remove(sessions_, session.answered ? m.answered : m.unanswered, number);
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
  const bool cleared = clear_ended(budget);
  for (PoolAddress& address : pool_) {
    for (PortPool& ports : address.ports) ports.wake(now_, budget);
  }
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
  view.remote = m.remote;
  view.sessions = m.answered.count + m.unanswered.count;
  view.remembered = m.remembered.count;
  view.origin = m.origin;
  if (m.origin == Origin::configured) {
    const auto name = names_.find(m.id);
    if (name != names_.end()) view.name = name->second;
    return view;
  }
  Tick latest = 0;
  for (std::uint32_t s = m.answered.head; s != kNone; s = sessions_.links(s).next_of_mapping) {
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

void Tables::fill(Gauges& gauges) const {
  gauges.mappings = live_mappings_;
  gauges.sessions = live_sessions_;
  gauges.remembered = remembered_;
  gauges.hosts = hosts_.used();
  for (const PoolAddress& address : pool_) {
    for (const Protocol protocol : kProtocols) {
      const PortPool& ports = address.of(protocol);
      gauges.pools.push_back({address.address, protocol, ports.capacity(), ports.used(), ports.resting()});
    }
  }
}

}  // namespace nat
