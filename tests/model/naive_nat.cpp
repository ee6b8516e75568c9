#include "tests/model/naive_nat.h"

#include <algorithm>

namespace nat::test {
namespace {

// RFC 4787 section 4.1: the part of the remote that the mapping behaviour looks at.
Endpoint looked_at(Behavior behavior, Endpoint remote) {
  if (behavior == Behavior::endpoint_independent) return {};
  if (behavior == Behavior::address_dependent) return {remote.address, 0};
  return remote;
}

bool within(const std::vector<PortRange>& ranges, std::uint16_t port) {
  return std::any_of(ranges.begin(), ranges.end(), [&](PortRange range) { return range.contains(port); });
}

}  // namespace

// --- Packets.

Expected NaiveNat::judge(const Words& packet, std::optional<Endpoint> chosen, TimePoint now) {
  settle(now);
  Expected expected{.source = packet.source, .destination = packet.destination};
  Found by;
  if (packet.in == Realm::external) {
    if (!is_external(packet.destination.address)) return expected;
    const auto refused = arrive(packet, false, by);
    expected.reason = refused ? *refused : Reason::translated;
    if (refused) {
      misbehave(packet, *refused);
      return expected;
    }
    expected.out = Realm::internal;
    expected.destination = by.mapping->internal;
    return expected;
  }
  const bool returns = is_external(packet.destination.address);
  if (returns) {
    const Found open = by_internal(packet.protocol, packet.source, packet.destination);
    if (open.session == nullptr || !open.session->live) {
      const Mapping* const target = mapping_at(packet.protocol, packet.destination);
      if (serves(packet.protocol, packet.destination.port)) {
        expected.reason = Reason::gateway_traffic;
      } else if (!policy_.hairpin) {
        expected.reason = Reason::hairpin_off;
      } else if (packet.protocol == Protocol::icmp || target == nullptr) {
        expected.reason = stray(packet);
      }
      if (expected.reason != Reason::not_ours) return expected;
    }
  }
  if (const auto refused = leave(packet, chosen, by, expected)) {
    expected.reason = *refused;
    return expected;
  }
  expected.reason = Reason::translated;
  if (returns) {
    // The same packet again, from outside, in the name of the sender's external endpoint.
    Words second = packet;
    second.source = by.mapping->external;
    Found target;
    if (const auto refused = arrive(second, true, target)) {
      misbehave(second, *refused);
      expected.reason = *refused;
      return expected;
    }
    expected.reason = Reason::hairpinned;
    expected.out = Realm::internal;
    expected.destination = target.mapping->internal;
  }
  expected.source = by.mapping->external;
  return expected;
}

// A mapping may end because somebody was refused at it.
void NaiveNat::misbehave(const Words& inbound, Reason refused) {
  if (!policy_.misbehavior.filter_ends_mapping) return;
  if (refused != Reason::filtered_by_address && refused != Reason::filtered_by_port) return;
  end({inbound.protocol, inbound.destination});
}

std::optional<Reason> NaiveNat::leave(const Words& packet, std::optional<Endpoint> chosen, Found& by,
                                      Expected& expected) {
  by = by_internal(packet.protocol, packet.source, packet.destination);
  // The session first, whatever the mapping behaviour is by now.
  if (by.session != nullptr && by.session->live) {
    // A reset is no answer that permits anything (RFC 7857 section 7).
    if (!packet.rst) by.session->answered = true;
    touch(*by.mapping, *by.session, packet, Direction::outbound);
    return std::nullopt;
  }
  if (!packet.opens()) {
    return packet.protocol == Protocol::tcp ? Reason::tcp_no_session : Reason::echo_no_session;
  }
  if (by.mapping == nullptr) by.mapping = mapping_for(packet);
  if (by.mapping == nullptr) {
    if (const auto refused = no_mapping(packet)) return refused;
  }
  const Profile& profile = by.mapping != nullptr ? profile_of(*by.mapping) : profile_of(packet);
  if (const auto refused =
          no_session(packet.source.address, by.mapping, Direction::outbound, profile.limits)) {
    if (by.mapping == nullptr && !surely_a_port(packet)) expected.or_reason = Reason::ports_exhausted;
    return refused;
  }
  if (by.mapping == nullptr) {
    if (!chosen) {
      if (surely_a_port(packet)) complain(packet, "got no port though one was free");
      return Reason::ports_exhausted;
    }
    check_choice(packet, *chosen);
    const Behavior behavior = profile.of(packet.protocol).mapping;
    const PortKey key{packet.protocol, *chosen};
    resting_.erase(key);
    by.mapping = &mappings_[key];
    *by.mapping = {.protocol = packet.protocol,
                   .internal = packet.source,
                   .external = *chosen,
                   .behavior = behavior,
                   .remote = looked_at(behavior, packet.destination),
                   .first_port = packet.destination.port,
                   .sessions = {}};
  }
  by.session = &open(*by.mapping, packet.destination, Direction::outbound);
  touch(*by.mapping, *by.session, packet, Direction::outbound);
  return std::nullopt;
}

std::optional<Reason> NaiveNat::arrive(const Words& packet, bool hairpinned, Found& by) {
  const bool echo_request = packet.protocol == Protocol::icmp && !packet.echo_reply;
  if (!echo_request) {
    by = by_external(packet.protocol, packet.destination, packet.source);
    if (by.session != nullptr && by.session->live) {
      if (!by.session->answered) {
        if (const auto refused = filter(*by.mapping, packet.source, hairpinned)) return refused;
      }
      touch(*by.mapping, *by.session, packet, Direction::inbound);
      return std::nullopt;
    }
    if (by.session != nullptr && packet.protocol != Protocol::tcp) return std::nullopt;
    if (by.session != nullptr && packet.bare_syn()) {
      if (const auto refused = no_session(by.mapping->internal.address, by.mapping, Direction::inbound,
                                          profile_of(*by.mapping).limits)) {
        return refused;
      }
      by.session = &open(*by.mapping, packet.source, Direction::inbound);
      by.session->answered = true;
      touch(*by.mapping, *by.session, packet, Direction::inbound);
      return std::nullopt;
    }
  }
  const bool for_gateway = !hairpinned && serves(packet.protocol, packet.destination.port);
  if (for_gateway && !packet.echo_reply) return Reason::gateway_traffic;
  by.mapping = echo_request ? nullptr : mapping_at(packet.protocol, packet.destination);
  // A reply may answer a ping of the gateway itself, if no host of ours asked.
  if (for_gateway && by.mapping == nullptr) return Reason::gateway_traffic;
  if (by.mapping == nullptr) return stray(packet);
  if (packet.protocol == Protocol::tcp && !packet.bare_syn()) return Reason::tcp_no_session;
  if (const auto refused = filter(*by.mapping, packet.source, hairpinned)) return refused;
  const Found other = by_internal(packet.protocol, by.mapping->internal, packet.source);
  if (other.session != nullptr && other.session->live) return Reason::session_conflict;
  if (const auto refused = no_session(by.mapping->internal.address, by.mapping, Direction::inbound,
                                      profile_of(*by.mapping).limits)) {
    return refused;
  }
  by.session = &open(*by.mapping, packet.source, Direction::inbound);
  touch(*by.mapping, *by.session, packet, Direction::inbound);
  return std::nullopt;
}

Expected NaiveNat::judge_error(const Words& about, Realm in, bool returns, TimePoint now) {
  settle(now);
  Expected expected{
      .reason = Reason::icmp_no_session, .source = about.source, .destination = about.destination};
  const Endpoint sender = about.source;
  if (in == Realm::internal) {
    // The quoted packet was on its way to an internal endpoint.
    const Found by = by_internal(about.protocol, about.destination, about.source);
    if (by.session == nullptr || !by.session->live) return expected;
    expected.destination = by.mapping->external;
    expected.reason = Reason::translated;
    if (!returns) return expected;
  }
  const Found by = by_external(about.protocol, sender, expected.destination);
  if (by.session == nullptr || !by.session->live) {
    expected.reason = Reason::icmp_no_session;
    if (in == Realm::external && serves(about.protocol, sender.port)) {
      expected.reason = Reason::gateway_traffic;
    }
    return expected;
  }
  expected.source = by.mapping->internal;
  expected.out = Realm::internal;
  expected.reason = in == Realm::internal ? Reason::hairpinned : Reason::translated;
  return expected;
}

// --- Finding.

bool NaiveNat::is_external(Address address) const {
  const auto& pool = policy_.external_addresses;
  return std::find(pool.begin(), pool.end(), address) != pool.end();
}

NaiveNat::Found NaiveNat::by_internal(Protocol protocol, Endpoint internal, Endpoint remote) {
  for (auto& [key, mapping] : mappings_) {
    if (mapping.protocol != protocol || mapping.internal != internal) continue;
    const auto session = mapping.sessions.find(remote);
    if (session != mapping.sessions.end()) return {&mapping, &session->second};
  }
  return {};
}

NaiveNat::Found NaiveNat::by_external(Protocol protocol, Endpoint external, Endpoint remote) {
  Mapping* const mapping = mapping_at(protocol, external);
  if (mapping == nullptr) return {};
  const auto session = mapping->sessions.find(remote);
  if (session == mapping->sessions.end()) return {};
  return {mapping, &session->second};
}

NaiveNat::Mapping* NaiveNat::mapping_at(Protocol protocol, Endpoint external) {
  const auto found = mappings_.find({protocol, external});
  return found == mappings_.end() ? nullptr : &found->second;
}

NaiveNat::Mapping* NaiveNat::mapping_for(const Words& packet) {
  Mapping* dynamic = nullptr;
  const Behavior behavior = profile_of(packet).of(packet.protocol).mapping;
  for (auto& [key, mapping] : mappings_) {
    if (mapping.protocol != packet.protocol || mapping.internal != packet.source) continue;
    if (mapping.origin == Origin::configured) return &mapping;
    if (mapping.behavior == behavior && mapping.remote == looked_at(behavior, packet.destination)) {
      dynamic = &mapping;
    }
  }
  return dynamic;
}

const HostRule* NaiveNat::rule_for(Protocol protocol, Endpoint internal, std::uint16_t remote_port) const {
  for (const HostRule& rule : policy_.host_rules) {
    if (rule.protocol && *rule.protocol != protocol) continue;
    if (rule.internal.contains(internal.address) && rule.internal_ports.contains(internal.port) &&
        rule.remote_ports.contains(remote_port)) {
      return &rule;
    }
  }
  return nullptr;
}

bool NaiveNat::serves(Protocol protocol, std::uint16_t port) const {
  return sockets.contains({protocol, protocol == Protocol::icmp ? std::uint16_t{0} : port});
}

Reason NaiveNat::stray(const Words& packet) const {
  switch (packet.protocol) {
    case Protocol::udp:
      return Reason::no_mapping;
    case Protocol::icmp:
      return packet.echo_reply ? Reason::echo_no_session : Reason::no_mapping;
    case Protocol::tcp:
      break;
  }
  return packet.bare_syn() ? Reason::unsolicited_syn : Reason::tcp_no_session;
}

// --- Rules.

// RFC 4787 section 5. A remote is known as long as the mapping, even when its session has run out.
std::optional<Reason> NaiveNat::filter(const Mapping& mapping, Endpoint remote, bool hairpinned) const {
  if (mapping.origin == Origin::configured || (hairpinned && !policy_.hairpin_filter)) return std::nullopt;
  const Behavior behavior = profile_of(mapping).of(mapping.protocol).filtering;
  if (behavior == Behavior::endpoint_independent) return std::nullopt;
  for (const auto& [known, session] : mapping.sessions) {
    if (!session.answered || known.address != remote.address) continue;
    if (behavior == Behavior::address_dependent || known == remote) return std::nullopt;
  }
  return behavior == Behavior::address_dependent ? Reason::filtered_by_address : Reason::filtered_by_port;
}

std::optional<Reason> NaiveNat::no_session(Address internal, const Mapping* mapping, Direction direction,
                                           const Limits& limits) const {
  std::size_t all = 0, of_host = 0, answered = 0, unanswered = 0;
  for (const auto& [key, other] : mappings_) {
    for (const auto& [remote, session] : other.sessions) {
      if (!session.live) continue;
      ++all;
      if (other.internal.address == internal) ++of_host;
      if (&other == mapping) ++(session.answered ? answered : unanswered);
    }
  }
  if (all >= policy_.limits.sessions) return Reason::session_limit;
  if (of_host >= limits.sessions_per_host) return Reason::host_session_limit;
  const bool strangers_full =
      direction == Direction::inbound && unanswered >= (limits.sessions_per_mapping + 1) / 2;
  if (answered + unanswered >= limits.sessions_per_mapping || strangers_full) {
    return Reason::mapping_session_limit;
  }
  return std::nullopt;
}

std::optional<Reason> NaiveNat::no_mapping(const Words& packet) const {
  const Limits& limits = policy_.limits;
  if (policy_.external_addresses.empty()) return Reason::no_external_address;
  if (mappings_.size() >= limits.mappings) return Reason::mapping_limit;
  std::map<Address, std::size_t> hosts;
  for (const auto& [key, mapping] : mappings_) ++hosts[mapping.internal.address];
  const auto own = hosts.find(packet.source.address);
  if (own == hosts.end()) {
    if (hosts.size() >= limits.hosts) return Reason::host_limit;
  } else if (own->second >= profile_of(packet).limits.mappings_per_host) {
    return Reason::host_mapping_limit;
  }
  const auto alike = std::count_if(mappings_.begin(), mappings_.end(), [&](const auto& entry) {
    return entry.second.protocol == packet.protocol && entry.second.internal.address == packet.source.address;
  });
  if (static_cast<std::size_t>(alike) >= profile_of(packet).limits.mappings_per_host_of(packet.protocol)) {
    return Reason::host_mapping_limit;
  }
  return std::nullopt;
}

NaiveNat::Session& NaiveNat::open(Mapping& mapping, Endpoint remote, Direction direction) {
  // An internal endpoint meets a remote one in one place only.
  const Found before = by_internal(mapping.protocol, mapping.internal, remote);
  if (before.mapping != nullptr && before.mapping != &mapping) before.mapping->sessions.erase(remote);
  Session& session = mapping.sessions[remote];
  session = {};
  session.answered = direction == Direction::outbound;
  session.from_outside = direction == Direction::inbound;
  const Timeouts& timeouts = profile_of(mapping).timeouts;
  session.last = now_ + (mapping.protocol == Protocol::udp   ? timeouts.udp
                         : mapping.protocol == Protocol::tcp ? timeouts.tcp_opening
                                                             : timeouts.icmp);
  if (mapping.protocol == Protocol::tcp) session.state = SessionState::closed;
  return session;
}

void NaiveNat::touch(const Mapping& mapping, Session& session, const Words& packet, Direction direction) {
  const Timeouts& timeouts = profile_of(mapping).timeouts;
  switch (mapping.protocol) {
    case Protocol::udp:
      if (direction == Direction::outbound ? !policy_.misbehavior.no_outbound_refresh
                                           : timeouts.udp_inbound_refresh && session.answered) {
        session.last = now_ + timeouts.udp;
      }
      return;
    case Protocol::icmp:
      if (direction == Direction::outbound) session.last = now_ + timeouts.icmp;
      return;
    case Protocol::tcp:
      touch_tcp(session, packet, direction, timeouts, now_);
  }
}

// The table of RFC 7857 section 2 as the requirements have it.
void NaiveNat::touch_tcp(Session& session, const Words& packet, Direction direction, const Timeouts& timeouts,
                         TimePoint now) {
  using State = SessionState;
  const int sender = direction == Direction::outbound ? 0 : 1;
  const State own_init = sender == 0 ? State::internal_init : State::external_init;
  const State own_fin = sender == 0 ? State::internal_fin : State::external_fin;
  const bool receiver_acked = session.acked[1 - sender];
  const bool over =
      session.state == State::closed || session.state == State::both_fin || session.state == State::reset;
  if (over && packet.bare_syn()) {
    session.state = own_init;
    session.acked[0] = session.acked[1] = false;
    session.last = now + timeouts.tcp_opening;
    return;
  }
  if (packet.ack && !packet.rst) session.acked[sender] = true;
  const Duration open =
      session.acked[0] && session.acked[1] ? timeouts.tcp_established : timeouts.tcp_opening;
  const bool any_syn = packet.syn && !packet.fin && !packet.rst;
  switch (session.state) {
    case State::internal_init:
    case State::external_init:
      if (any_syn && session.state != own_init) {
        session.state = State::established;
        session.last = now + open;
      } else if (any_syn && sender == 0) {
        session.last = now + timeouts.tcp_opening;
      }
      return;
    case State::established:
    case State::internal_fin:
    case State::external_fin:
      if (packet.rst) {
        if (receiver_acked && packet.far_off) return;
        session.state = State::reset;
        session.last = now + timeouts.tcp_reset;
        return;
      }
      if (packet.fin && session.state == State::established) {
        session.state = own_fin;
      } else if (packet.fin && session.state != own_fin) {
        session.state = State::both_fin;
        session.last = now + timeouts.tcp_closing;
        return;
      }
      session.last = now + open;
      return;
    case State::reset:
      if (packet.rst) return;
      session.state = State::established;
      session.last = now + open;
      return;
    default:
      return;
  }
}

// --- Endings.

void NaiveNat::settle(TimePoint now) {
  now_ = now;
  std::vector<PortKey> ended;
  for (auto& [key, mapping] : mappings_) {
    bool alive = mapping.origin == Origin::configured;
    for (auto at = mapping.sessions.begin(); at != mapping.sessions.end();) {
      Session& session = at->second;
      if (session.live && session.last < now) {
        session.live = false;
        if (!session.answered || mapping.origin == Origin::configured) {
          at = mapping.sessions.erase(at);
          continue;
        }
      }
      if (session.live && session.answered) alive = true;
      ++at;
    }
    if (!alive) ended.push_back(key);
  }
  for (const PortKey& key : ended) end(key);
  std::erase_if(resting_, [&](const auto& entry) { return exact_ && entry.second.until <= now; });
}

void NaiveNat::end(PortKey key) {
  const Mapping mapping = mappings_.at(key);
  mappings_.erase(key);
  if (mapping.protocol != Protocol::tcp && mapping.origin == Origin::dynamic) {
    rest(key, mapping.internal);
  } else if (!exact_) {
    resting_[key] = {mapping.internal, now_, false};
  }
}

void NaiveNat::flush(Protocol protocol, Endpoint external, TimePoint now) {
  settle(now);
  const auto found = mappings_.find({protocol, external});
  if (found != mappings_.end() && found->second.origin == Origin::dynamic) end(found->first);
}

void NaiveNat::apply(Policy policy, TimePoint now) {
  settle(now);
  policy_ = std::move(policy);
  for (const Protocol protocol : kProtocols) {
    port_count_[protocol] = 0;
    for (std::uint32_t port = 1; port < 65536; ++port) {
      port_count_[protocol] += eligible(protocol, static_cast<std::uint16_t>(port)) ? 1 : 0;
    }
  }
  std::vector<PortKey> ended;
  const auto resolved = [&](PortForward forward) {
    if (forward.external.address.unspecified() && !policy_.external_addresses.empty()) {
      forward.external.address = policy_.external_addresses[0];
    }
    return forward;
  };
  for (const auto& entry : mappings_) {
    const Mapping& mapping = entry.second;
    bool stays = is_external(mapping.external.address);
    if (mapping.origin == Origin::configured) {
      stays = stays && std::any_of(policy_.port_forwards.begin(), policy_.port_forwards.end(),
                                   [&](const PortForward& candidate) {
                                     const PortForward forward = resolved(candidate);
                                     return forward.protocol == mapping.protocol &&
                                            forward.external == mapping.external &&
                                            forward.internal == mapping.internal;
                                   });
    }
    if (!stays) ended.push_back(entry.first);
  }
  for (const PortKey& key : ended) end(key);
  std::erase_if(resting_, [&](const auto& entry) { return !is_external(entry.first.second.address); });
  for (const PortForward& candidate : policy_.port_forwards) {
    const PortForward forward = resolved(candidate);
    const PortKey key{forward.protocol, forward.external};
    if (!is_external(forward.external.address) || mappings_.contains(key)) continue;
    if (sockets.contains({forward.protocol, forward.external.port})) continue;
    if (mappings_.size() >= policy_.limits.mappings) continue;
    resting_.erase(key);
    mappings_[key] = {.protocol = forward.protocol,
                      .internal = forward.internal,
                      .external = forward.external,
                      .behavior = Behavior::endpoint_independent,
                      .remote = {},
                      .origin = Origin::configured,
                      .sessions = {}};
  }
}

// --- Ports.

bool NaiveNat::eligible(Protocol protocol, std::uint16_t port) const {
  if (port == 0 || (protocol != Protocol::icmp && policy_.reserved_ports[port])) return false;
  return within(policy_.ports.ranges, port) ||
         std::any_of(policy_.host_rules.begin(), policy_.host_rules.end(), [&](const HostRule& rule) {
           return rule.own_ports && within(rule.profile.ports.ranges, port);
         });
}

bool NaiveNat::offered(const Words& packet, std::uint16_t port) const {
  if (!eligible(packet.protocol, port)) return false;
  const HostRule* rule = rule_for(packet.protocol, packet.source, packet.destination.port);
  if (rule != nullptr && rule->own_ports) return within(rule->profile.ports.ranges, port);
  return within(policy_.ports.ranges, port) &&
         std::none_of(policy_.host_rules.begin(), policy_.host_rules.end(), [&](const HostRule& other) {
           return other.own_ports && within(other.profile.ports.ranges, port);
         });
}

// RFC 4787 REQ-3a, for TCP and UDP. Ranges that leave the class of the internal port out serve it all the
// same.
bool NaiveNat::in_class(const Words& packet, std::uint16_t external) const {
  const bool low = packet.source.port < 1024;
  if (packet.protocol == Protocol::icmp || low == (external < 1024)) return true;
  for (std::uint32_t port = low ? 1 : 1024; port < (low ? 1024U : 65536U); ++port) {
    if (offered(packet, static_cast<std::uint16_t>(port))) return false;
  }
  return true;
}

NaiveNat::Free NaiveNat::free(Protocol protocol, Endpoint external, Endpoint owner) const {
  const PortKey key{protocol, external};
  if (mappings_.contains(key) || !eligible(protocol, external.port)) return Free::no;
  if (sockets.contains({protocol, external.port})) return Free::no;
  const auto rest = resting_.find(key);
  if (rest == resting_.end()) return Free::yes;
  if (!rest->second.certain) return Free::perhaps;
  return rest->second.owner == owner ? Free::yes : Free::no;
}

void NaiveNat::rest(PortKey key, Endpoint owner) {
  resting_[key] = {owner, now_ + policy_.ports.rest, exact_};
  // At most a quarter of the ports rest; the oldest go first. Of several with one age nobody knows which.
  const auto same_pool = [&](const PortKey& other) {
    return other.first == key.first && other.second.address == key.second.address;
  };
  const auto certain = [&] {
    return std::count_if(resting_.begin(), resting_.end(),
                         [&](const auto& entry) { return same_pool(entry.first) && entry.second.certain; });
  };
  while (static_cast<std::size_t>(certain()) > port_count_[key.first] / 4) {
    TimePoint oldest = kNever;
    for (const auto& [other, rest] : resting_) {
      if (same_pool(other) && rest.certain) oldest = std::min(oldest, rest.until);
    }
    for (auto& [other, rest] : resting_) {
      if (same_pool(other) && rest.until == oldest) rest.certain = false;
    }
  }
  // Neither is it known in which order those of one age came to rest.
  Rest& own = resting_[key];
  own.certain = own.certain && std::none_of(resting_.begin(), resting_.end(), [&](const auto& entry) {
                  return same_pool(entry.first) && entry.second.until == own.until && !entry.second.certain;
                });
}

void NaiveNat::check_choice(const Words& packet, Endpoint chosen) {
  const Protocol protocol = packet.protocol;
  if (!is_external(chosen.address)) complain(packet, "got an address outside of the pool");
  for (const auto& [key, mapping] : mappings_) {
    if (mapping.internal.address == packet.source.address && mapping.origin == Origin::dynamic &&
        mapping.external.address != chosen.address && !policy_.soft_pairing) {
      complain(packet, "got another external address than the host's other mappings");
    }
  }
  const Endpoint kept{chosen.address, packet.source.port};
  if (chosen == kept) {
    if (free(protocol, chosen, packet.source) == Free::no) complain(packet, "kept a port that was not free");
  } else {
    if (free(protocol, chosen, {}) == Free::no) complain(packet, "got a port that was not free");
    if (profile_of(packet).ports.preserve && free(protocol, kept, packet.source) == Free::yes &&
        offered(packet, kept.port) && in_class(packet, kept.port)) {
      complain(packet, "lost its port though that was free");
    }
  }
  if (!offered(packet, chosen.port)) complain(packet, "got a port of other hosts");
  if (!in_class(packet, chosen.port)) complain(packet, "got a port of the other class");
}

bool NaiveNat::surely_a_port(const Words& packet) const {
  const auto room_on = [&](Address address) {
    for (std::uint32_t port = 1; port < 65536; ++port) {
      const auto number = static_cast<std::uint16_t>(port);
      if (offered(packet, number) && in_class(packet, number) &&
          free(packet.protocol, {address, number}, {}) == Free::yes) {
        return true;
      }
    }
    return false;
  };
  std::vector<Address> addresses = policy_.external_addresses;
  if (policy_.soft_pairing) return std::any_of(addresses.begin(), addresses.end(), room_on);
  for (const auto& [key, mapping] : mappings_) {
    if (mapping.internal.address == packet.source.address && mapping.origin == Origin::dynamic) {
      addresses = {mapping.external.address};
    }
  }
  // Which of several addresses the host would have got is not known: all must have room.
  return std::all_of(addresses.begin(), addresses.end(), room_on);
}

void NaiveNat::complain(const Words& packet, const std::string& what) {
  complaints.push_back(std::string(to_string(packet.protocol)) + " " + packet.source.to_string() + " " +
                       what);
}

}  // namespace nat::test
