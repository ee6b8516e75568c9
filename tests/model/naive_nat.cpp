#include "tests/model/naive_nat.h"

#include <algorithm>
#include <utility>

namespace nat::test {
namespace {

// RFC 4787 section 4.1: the part of the remote that the mapping behaviour looks at.
Endpoint looked_at(Behavior behavior, Endpoint remote) {
  if (behavior == Behavior::endpoint_independent) return {};
  if (behavior == Behavior::address_dependent) return {remote.address, 0};
  return remote;
}

}  // namespace

// --- Packets.

Expected NaiveNat::judge(const Words& packet, const Choices& chosen, TimePoint now) {
  settle(now);
  Expected expected = decide(packet, chosen);
  expected.answer = answer(packet, expected.reason);
  return expected;
}

Expected NaiveNat::decide(const Words& packet, const Choices& chosen) {
  Expected expected{.source = packet.source, .destination = packet.destination};
  Found by;
  if (is_external(packet.source.address)) {
    expected.reason = Reason::spoofed_source;
    return expected;
  }
  if (is_foreign(packet.in, packet.source.address)) {
    expected.reason = Reason::foreign_source;
    return expected;
  }
  const bool refused_option = packet.tells_addresses && policy_.address_options == AddressOptions::refuse;
  if (packet.in == Realm::external) {
    if (!is_external(packet.destination.address)) return expected;
    if (refused_option) {
      expected.reason = Reason::address_option;
      return expected;
    }
    const auto refused = arrive(packet, false, by);
    expected.reason = refused ? *refused : Reason::translated;
    if (refused) {
      filtered(packet, *refused);
      return expected;
    }
    expected.out = Realm::internal;
    expected.destination = by.mapping->internal;
    return expected;
  }
  const bool returns = is_external(packet.destination.address);
  if (!returns && is_exempt(packet.protocol, packet.destination)) {
    expected.reason = Reason::exempt;
    return expected;
  }
  if (refused_option) {
    expected.reason = Reason::address_option;
    return expected;
  }
  if (!returns) lose(packet, chosen);
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
  expected.source = expected.sender = by.mapping->external;
  if (!returns) return expected;
  // The same packet again, from outside, in the name of the sender's external endpoint.
  Words second = packet;
  second.source = by.mapping->external;
  Found target;
  if (const auto refused = arrive(second, true, target)) {
    filtered(second, *refused);
    expected.reason = *refused;
    return expected;
  }
  expected.reason = Reason::hairpinned;
  expected.out = Realm::internal;
  expected.destination = target.mapping->internal;
  if (policy_.misbehavior.hairpin_internal_source) expected.source = packet.source;
  return expected;
}

std::optional<Reason> NaiveNat::leave(const Words& packet, const Choices& chosen, Found& by,
                                      Expected& expected) {
  by = by_internal(packet.protocol, packet.source, packet.destination);
  // The session first, whatever the mapping behaviour is by now.
  if (by.session != nullptr && by.session->live) {
    // A reset is no answer that permits anything (RFC 7857 section 7).
    if (!packet.rst) by.session->confirmed = true;
    touch(*by.mapping, *by.session, packet, Direction::outbound);
    return std::nullopt;
  }
  if (!packet.opens()) {
    return packet.protocol == Protocol::tcp ? Reason::tcp_no_session : Reason::echo_no_session;
  }
  const HostRule* const rule = rule_for(packet.protocol, packet.source, packet.destination.port);
  if (rule != nullptr && rule->deny) return Reason::denied_by_rule;
  if (by.mapping == nullptr) by.mapping = mapping_for(packet);
  if (by.mapping == nullptr) {
    if (const auto refused = no_mapping(packet)) return refused;
  }
  const Profile& profile = by.mapping != nullptr ? profile_of(*by.mapping) : profile_of(packet);
  auto refused = no_session(packet.source.address, by.mapping, Direction::outbound, profile.limits);
  if (!refused && by.mapping == nullptr) {
    const std::uint32_t rate = profile.limits.mapping_rate_per_host;
    if (rate != 0 && debt_of(packet.source.address, rate) + 10 > rate * 10) refused = Reason::creation_rate;
  }
  if (refused && by.mapping != nullptr && by.mapping->behavior == Behavior::endpoint_independent &&
      !by.mapping->shares && needs_no_session(*by.mapping, false)) {
    return std::nullopt;
  }
  if (refused) {
    if (by.mapping == nullptr && !surely_a_port(packet)) expected.or_reason = Reason::ports_exhausted;
    return refused;
  }
  if (by.mapping == nullptr) {
    if (!chosen.mapped) {
      if (surely_a_port(packet)) complain(packet, "got no port though one was free");
      last_in_order_.clear();  // how far the search went is not known
      return Reason::ports_exhausted;
    }
    check_choice(packet, *chosen.mapped);
    by.mapping = &make(packet, *chosen.mapped);
  }
  by.session = &open(*by.mapping, packet.destination, Direction::outbound);
  touch(*by.mapping, *by.session, packet, Direction::outbound);
  return std::nullopt;
}

std::optional<Reason> NaiveNat::arrive(const Words& packet, bool hairpinned, Found& by) {
  const bool echo_request = packet.protocol == Protocol::icmp && !packet.echo_reply;
  const auto no_room = [&] {
    return no_session(by.mapping->internal.address, by.mapping, Direction::inbound,
                      profile_of(*by.mapping).limits);
  };
  if (!echo_request) {
    by = by_external(packet.protocol, packet.destination, packet.source);
    if (by.session != nullptr && by.session->live) {
      if (!by.session->confirmed) {
        if (const auto refused = filter(*by.mapping, packet.source, hairpinned)) return refused;
      }
      touch(*by.mapping, *by.session, packet, Direction::inbound);
      return std::nullopt;
    }
    if (by.session != nullptr && packet.protocol != Protocol::tcp) return std::nullopt;
    if (by.session != nullptr && packet.bare_syn()) {
      if (const auto refused = no_room()) return refused;
      by.session = &open(*by.mapping, packet.source, Direction::inbound);
      by.session->confirmed = true;
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
  if (const auto refused = no_room()) {
    return needs_no_session(*by.mapping, hairpinned) ? std::nullopt : refused;
  }
  by.session = &open(*by.mapping, packet.source, Direction::inbound);
  touch(*by.mapping, *by.session, packet, Direction::inbound);
  return std::nullopt;
}

// A host inside hears that there is no room for its packet; outside, at most a SYN gets an answer, and if so
// by ICMP six seconds later (RFC 5382 REQ-4), or as the laboratory wants it.
Answer NaiveNat::answer(const Words& packet, Reason refused) {
  const bool errors = policy_.limits.icmp_rate > 0;
  const bool unwanted = refused == Reason::unsolicited_syn || refused == Reason::filtered_by_address ||
                        refused == Reason::filtered_by_port;
  if (packet.in == Realm::external && unwanted && packet.bare_syn()) {
    switch (policy_.misbehavior.syn_answer) {
      case SynAnswer::reset:
        return errors ? Answer::reset : Answer::none;
      case SynAnswer::icmp:
        return errors ? Answer::port_unreachable : Answer::none;
      case SynAnswer::none:
        break;
    }
    const std::pair pair(packet.destination, packet.source);
    const bool room = held_syns_.contains(pair) || held_syns_.size() < policy_.limits.held_syns;
    if (policy_.unsolicited_syn == UnsolicitedSyn::icmp_delayed && room) {
      held_syns_[pair] = now_ + std::chrono::milliseconds(6001);
    }
    return Answer::none;
  }
  switch (refused) {
    case Reason::no_external_address:
    case Reason::ports_exhausted:
    case Reason::mapping_limit:
    case Reason::session_limit:
    case Reason::host_limit:
    case Reason::host_mapping_limit:
    case Reason::host_session_limit:
    case Reason::mapping_session_limit:
    case Reason::creation_rate:
      return packet.in == Realm::internal && errors ? Answer::host_unreachable : Answer::none;
    default:
      return Answer::none;
  }
}

std::set<std::pair<Endpoint, Endpoint>> NaiveNat::take_due_syns() {
  if (policy_.unsolicited_syn == UnsolicitedSyn::silent) held_syns_.clear();
  std::set<std::pair<Endpoint, Endpoint>> due;
  for (auto at = held_syns_.begin(); at != held_syns_.end();) {
    const bool over = at->second <= now_;
    if (over && policy_.limits.icmp_rate > 0 && is_external(at->first.first.address)) due.insert(at->first);
    at = over ? held_syns_.erase(at) : std::next(at);
  }
  return due;
}

// --- Finding.

bool NaiveNat::is_external(Address address) const {
  const auto& pool = policy_.external_addresses;
  return std::find(pool.begin(), pool.end(), address) != pool.end();
}

bool NaiveNat::is_foreign(Realm in, Address source) const {
  const auto& networks = policy_.internal_networks;
  return in == Realm::internal && !networks.empty() &&
         std::none_of(networks.begin(), networks.end(),
                      [&](const Prefix& network) { return network.contains(source); });
}

NaiveNat::Found NaiveNat::by_internal(Protocol protocol, Endpoint internal, Endpoint remote) {
  for (Mapping& mapping : mappings_) {
    if (mapping.protocol != protocol || mapping.internal != internal) continue;
    const auto session = mapping.sessions.find(remote);
    if (session != mapping.sessions.end()) return {&mapping, &session->second};
  }
  return {};
}

NaiveNat::Found NaiveNat::by_external(Protocol protocol, Endpoint external, Endpoint remote) {
  for (Mapping& mapping : mappings_) {
    if (mapping.protocol != protocol || mapping.external != external) continue;
    const auto session = mapping.sessions.find(remote);
    if (session != mapping.sessions.end()) return {&mapping, &session->second};
  }
  return {};
}

const NaiveNat::Mapping* NaiveNat::mapping_at(Protocol protocol, Endpoint external) const {
  for (const Mapping& mapping : mappings_) {
    if (mapping.protocol == protocol && mapping.external == external && !mapping.shares) return &mapping;
  }
  return nullptr;
}

NaiveNat::Mapping* NaiveNat::mapping_at(Protocol protocol, Endpoint external) {
  return const_cast<Mapping*>(std::as_const(*this).mapping_at(protocol, external));
}

NaiveNat::Mapping* NaiveNat::mapping_for(const Words& packet) {
  Mapping* dynamic = nullptr;
  const Behavior behavior = profile_of(packet).of(packet.protocol).mapping;
  for (Mapping& mapping : mappings_) {
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

bool NaiveNat::is_exempt(Protocol protocol, Endpoint remote) const {
  return std::any_of(policy_.exempt.begin(), policy_.exempt.end(), [&](const Exemption& one) {
    const bool port = protocol != Protocol::icmp && one.ports.contains(remote.port);
    return one.remote.contains(remote.address) && (one.every_port() || port);
  });
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

// --- Lives.

NaiveNat::Mapping& NaiveNat::make(const Words& packet, Endpoint chosen) {
  const Profile& profile = profile_of(packet);
  const Behavior behavior = profile.of(packet.protocol).mapping;
  const std::uint32_t rate = profile.limits.mapping_rate_per_host;
  const std::int64_t debt = debt_of(packet.source.address, rate);
  Host& host = hosts_[packet.source.address];
  if (rate != 0) host = {debt + 10, now_};
  const bool shares = mapping_at(packet.protocol, chosen) != nullptr;
  if (!shares) quarantined_.erase({packet.protocol, chosen});
  return mappings_.emplace_back(Mapping{.protocol = packet.protocol,
                                        .internal = packet.source,
                                        .external = chosen,
                                        .behavior = behavior,
                                        .remote = looked_at(behavior, packet.destination),
                                        .first_port = packet.destination.port,
                                        .shares = shares,
                                        .sessions = {}});
}

NaiveNat::Session& NaiveNat::open(Mapping& mapping, Endpoint remote, Direction direction) {
  // Two endpoints meet in one place only, on either side.
  const Found outside = by_external(mapping.protocol, mapping.external, remote);
  if (outside.mapping != nullptr && outside.mapping != &mapping) {
    Mapping& other = *outside.mapping;
    const auto keeps = std::count_if(other.sessions.begin(), other.sessions.end(), [](const auto& entry) {
      return entry.second.live && entry.second.confirmed;
    });
    const bool only = outside.session->live && outside.session->confirmed && keeps == 1;
    if (only && other.origin == Origin::dynamic) {
      end(&other);
    } else {
      other.sessions.erase(remote);
    }
  }
  const Found inside = by_internal(mapping.protocol, mapping.internal, remote);
  if (inside.mapping != nullptr && inside.mapping != &mapping) inside.mapping->sessions.erase(remote);
  if (!mapping.sessions.contains(remote)) evict(mapping);
  Session& session = mapping.sessions[remote];
  session = {};
  session.confirmed = direction == Direction::outbound;
  session.from_outside = direction == Direction::inbound;
  const Timeouts& timeouts = profile_of(mapping).timeouts;
  session.last = now_ + (mapping.protocol == Protocol::udp   ? timeouts.udp
                         : mapping.protocol == Protocol::tcp ? timeouts.tcp_opening
                                                             : timeouts.icmp);
  if (mapping.protocol == Protocol::tcp) session.state = SessionState::closed;
  return session;
}

// The oldest of the dormant remotes gives way to a new session.
void NaiveNat::evict(Mapping& mapping) {
  if (mapping.sessions.size() < profile_of(mapping).limits.sessions_per_mapping) return;
  TimePoint oldest = kNever;
  for (const auto& [remote, session] : mapping.sessions) {
    if (!session.live) oldest = std::min(oldest, session.ended);
  }
  std::vector<Endpoint> candidates;
  for (const auto& [remote, session] : mapping.sessions) {
    if (!session.live && session.ended == oldest) candidates.push_back(remote);
  }
  if (candidates.size() > 1) {
    // Of several with one age it is not known which.
    std::erase_if(candidates, [&](Endpoint remote) { return remembers(mapping, remote); });
    if (candidates.size() != 1) {
      complaints.push_back("of the oldest remotes of " + mapping.external.to_string() + ", " +
                           std::to_string(candidates.size()) + " were forgotten");
    }
  }
  if (!candidates.empty()) mapping.sessions.erase(candidates.front());
}

void NaiveNat::touch(const Mapping& mapping, Session& session, const Words& packet, Direction direction) {
  const Timeouts& timeouts = profile_of(mapping).timeouts;
  switch (mapping.protocol) {
    case Protocol::udp:
      if (direction == Direction::outbound ? !policy_.misbehavior.no_outbound_refresh
                                           : timeouts.udp_inbound_refresh && session.confirmed) {
        session.last = now_ + timeouts.udp;
      }
      return;
    case Protocol::icmp:
      if (direction == Direction::outbound) session.last = now_ + timeouts.icmp;
      return;
    case Protocol::tcp:
      held_syns_.erase(
          {mapping.external, direction == Direction::outbound ? packet.destination : packet.source});
      touch_tcp(session, packet, direction, timeouts, now_);
  }
}

// --- Endings.

void NaiveNat::settle(TimePoint now) {
  now_ = now;
  std::vector<const Mapping*> ended;
  for (Mapping& mapping : mappings_) {
    bool alive = mapping.origin == Origin::configured;
    for (auto at = mapping.sessions.begin(); at != mapping.sessions.end();) {
      Session& session = at->second;
      if (session.live && session.last < now) {
        session.live = false;
        session.ended = now;
        if (!session.confirmed || mapping.origin == Origin::configured) {
          at = mapping.sessions.erase(at);
          continue;
        }
      }
      if (session.live && session.confirmed) alive = true;
      ++at;
    }
    if (!alive) ended.push_back(&mapping);
  }
  for (const Mapping* mapping : ended) end(mapping);
  std::erase_if(quarantined_, [&](const auto& entry) { return exact_ && entry.second.until <= now; });
  forget_hosts();
  // An extra block is for what traffic makes.
  std::set<Address> active;
  for (const Mapping& mapping : mappings_) {
    if (mapping.origin == Origin::dynamic) active.insert(mapping.internal.address);
  }
  std::erase_if(extra_holders_, [&](const auto& entry) { return !active.contains(entry.second); });
}

void NaiveNat::end(const Mapping* mapping) {
  const Mapping ended = *mapping;
  mappings_.remove_if([&](const Mapping& candidate) { return &candidate == mapping; });
  if (ended.shares) return;
  const PortKey key{ended.protocol, ended.external};
  if (ended.protocol != Protocol::tcp && ended.origin == Origin::dynamic) {
    rest(key, ended.internal, profile_of(ended).ports.rest);
  } else if (!exact_) {
    quarantined_[key] = {ended.internal, now_, false};
  }
}

void NaiveNat::flush(Protocol protocol, Endpoint external, TimePoint now) {
  settle(now);
  std::vector<const Mapping*> flushed;
  for (const Mapping& mapping : mappings_) {
    if (mapping.protocol != protocol || mapping.external != external) continue;
    if (mapping.origin == Origin::dynamic) flushed.push_back(&mapping);
  }
  for (const Mapping* mapping : flushed) end(mapping);
}

// A mapping may end because a packet was refused at it.
void NaiveNat::filtered(const Words& inbound, Reason refused) {
  if (!policy_.misbehavior.filter_ends_mapping) return;
  if (refused != Reason::filtered_by_address && refused != Reason::filtered_by_port) return;
  const Found by = by_external(inbound.protocol, inbound.destination, inbound.source);
  end(by.mapping != nullptr ? by.mapping : mapping_at(inbound.protocol, inbound.destination));
}

// Or because the laboratory wants some to get lost: the one by which the packet would have left.
void NaiveNat::lose(const Words& packet, const Choices& chosen) {
  const Found open = by_internal(packet.protocol, packet.source, packet.destination);
  const Mapping* const mapping = open.mapping != nullptr ? open.mapping : mapping_for(packet);
  const bool dynamic = mapping != nullptr && mapping->origin == Origin::dynamic;
  if (!chosen.lost) {
    const bool certain = exact_ && policy_.misbehavior.mapping_loss == 1000;
    if (dynamic && certain) complain(packet, "did not lose its mapping");
    return;
  }
  if (policy_.misbehavior.mapping_loss == 0) complain(packet, "lost a mapping in earnest");
  if (dynamic && mapping->external == *chosen.lost) {
    end(mapping);
  } else if (exact_) {
    complain(packet, "lost another mapping than its own");
  } else {
    // Late, the engine may still know a session that has run out, and lose the mapping of that one.
    const Mapping* const other = mapping_at(packet.protocol, *chosen.lost);
    if (other != nullptr && other->internal == packet.source) end(other);
  }
}

// Those without a mapping.
void NaiveNat::forget_hosts() {
  std::set<Address> hosts;
  for (const Mapping& mapping : mappings_) hosts.insert(mapping.internal.address);
  std::erase_if(hosts_, [&](const auto& entry) { return !hosts.contains(entry.first); });
}

void NaiveNat::apply(Policy policy, const std::vector<PortForward>& forwards, TimePoint now) {
  settle(now);
  const Division before = division();
  policy_ = std::move(policy);
  count_ports();
  const auto resolved = [&](PortForward forward) {
    if (forward.external.address.unspecified() && !policy_.external_addresses.empty()) {
      forward.external.address = policy_.external_addresses[0];
    }
    return forward;
  };
  const auto wanted = [&](const Mapping& mapping) {
    return std::any_of(forwards.begin(), forwards.end(), [&](const PortForward& candidate) {
      const PortForward forward = resolved(candidate);
      return forward.protocol == mapping.protocol && forward.external == mapping.external &&
             forward.internal == mapping.internal;
    });
  };
  std::vector<const Mapping*> ended;
  for (const Mapping& mapping : mappings_) {
    const bool stays = mapping.origin == Origin::dynamic || wanted(mapping);
    if (!stays || !is_external(mapping.external.address)) ended.push_back(&mapping);
  }
  for (const Mapping* mapping : ended) end(mapping);
  divide_anew(before);
  std::erase_if(quarantined_, [&](const auto& entry) { return !is_external(entry.first.second.address); });
  std::erase_if(last_in_order_, [&](const auto& entry) { return !is_external(entry.first.second); });
  forget_hosts();
  for (const PortForward& candidate : forwards) {
    const PortForward forward = resolved(candidate);
    if (!is_external(forward.external.address)) continue;
    if (Mapping* there = mapping_at(forward.protocol, forward.external)) {
      // What its own host has there already becomes the forward; sessions go on.
      const bool same = there->internal == forward.internal && !there->shares &&
                        there->behavior == Behavior::endpoint_independent;
      if (same) there->origin = Origin::configured;
      continue;
    }
    if (sockets.contains({forward.protocol, forward.external.port})) continue;
    if (mappings_.size() >= policy_.limits.mappings) continue;
    const bool known = hosts_.contains(forward.internal.address);
    if (!known && hosts_.size() >= policy_.limits.hosts) continue;
    quarantined_.erase({forward.protocol, forward.external});
    hosts_[forward.internal.address];
    mappings_.push_back({.protocol = forward.protocol,
                         .internal = forward.internal,
                         .external = forward.external,
                         .behavior = Behavior::endpoint_independent,
                         .remote = {},
                         .origin = Origin::configured,
                         .sessions = {}});
  }
}

}  // namespace nat::test
