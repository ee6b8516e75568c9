// The part of the naive NAT that says no: filters, limits, and what needs no room.
#include <algorithm>

#include "tests/model/naive_nat.h"

namespace nat::test {

// RFC 4787 section 5. A remote is known as long as the mapping, even when its session has run out.
std::optional<Reason> NaiveNat::filter(const Mapping& mapping, Endpoint remote, bool hairpinned) const {
  if (mapping.origin == Origin::configured || (hairpinned && !policy_.hairpin_filter)) return std::nullopt;
  const Behavior behavior = profile_of(mapping).of(mapping.protocol).filtering;
  if (behavior == Behavior::endpoint_independent) return std::nullopt;
  for (const auto& [known, session] : mapping.sessions) {
    if (!session.confirmed || known.address != remote.address) continue;
    if (behavior == Behavior::address_dependent || known == remote) return std::nullopt;
  }
  return behavior == Behavior::address_dependent ? Reason::filtered_by_address : Reason::filtered_by_port;
}

bool NaiveNat::needs_no_session(const Mapping& mapping, bool hairpinned) const {
  if (mapping.protocol == Protocol::tcp) return false;
  if (mapping.origin == Origin::configured || (hairpinned && !policy_.hairpin_filter)) return true;
  return profile_of(mapping).of(mapping.protocol).filtering == Behavior::endpoint_independent;
}

std::optional<Reason> NaiveNat::no_session(Address internal, const Mapping* mapping, Direction direction,
                                           const Limits& limits) const {
  // Remotes that were not contacted may have half of each.
  struct Count {
    std::size_t sessions = 0, of_strangers = 0;
    void add(const Session& session) {
      ++sessions;
      if (!session.confirmed) ++of_strangers;
    }
    bool full(std::size_t most, Direction direction) const {
      return sessions >= most || (direction == Direction::inbound && of_strangers >= (most + 1) / 2);
    }
  } all, of_host, of_mapping;
  for (const Mapping& other : mappings_) {
    for (const auto& [remote, session] : other.sessions) {
      if (!session.live) continue;
      all.add(session);
      if (other.internal.address == internal) of_host.add(session);
      if (&other == mapping) of_mapping.add(session);
    }
  }
  if (all.full(policy_.limits.sessions, direction)) return Reason::session_limit;
  if (of_host.full(limits.sessions_per_host, direction)) return Reason::host_session_limit;
  if (of_mapping.full(limits.sessions_per_mapping, direction)) return Reason::mapping_session_limit;
  return std::nullopt;
}

std::optional<Reason> NaiveNat::no_mapping(const Words& packet) const {
  const Limits& limits = profile_of(packet).limits;
  if (policy_.external_addresses.empty()) return Reason::no_external_address;
  if (mappings_.size() >= policy_.limits.mappings) return Reason::mapping_limit;
  const Address host = packet.source.address;
  if (!hosts_.contains(host)) {
    return hosts_.size() >= policy_.limits.hosts ? std::optional(Reason::host_limit) : std::nullopt;
  }
  std::size_t all = 0, alike = 0;
  for (const Mapping& mapping : mappings_) {
    if (mapping.internal.address != host) continue;
    ++all;
    if (mapping.protocol == packet.protocol) ++alike;
  }
  if (all < limits.mappings_per_host && alike < limits.mappings_per_host_of(packet.protocol)) {
    return std::nullopt;
  }
  return Reason::host_mapping_limit;
}

std::int64_t NaiveNat::debt_of(Address host, std::uint32_t rate) const {
  const auto known = hosts_.find(host);
  if (known == hosts_.end()) return 0;
  const std::int64_t tenths = (now_ - known->second.since) / std::chrono::milliseconds(100);
  return std::max<std::int64_t>(0, known->second.debt - tenths * rate);
}

}  // namespace nat::test
