#include "translation/state/state.h"

namespace nat {

State::State(Policy wanted, Random& source_of_chance, LocalSockets* gateway_sockets, TimePoint begin,
             EventsKept kept)
    : policy(std::move(wanted)),
      admission(policy.internal_networks),
      random(source_of_chance),
      sockets(gateway_sockets),
      epoch(begin),
      now(begin),
      secret{random.next(), random.next()},
      sessions(policy.limits.sessions, secret),
      mappings(policy.limits.mappings, secret),
      hosts(policy.limits.hosts, secret),
      permissions(policy.limits.sessions, secret),
      wheel(sessions.timers()),
      leases(mappings.timers()),
      dormant(sessions.timers()),
      pool(random, secret),
      events(kept) {
  backlog.ended.reserve(policy.limits.mappings);
  profiles.configure(policy);
  pool.configure(policy, profiles);
}

bool State::alive(std::uint32_t mapping) const {
  const Mapping& m = mappings[mapping];
  if (!valid(m)) return false;
  if (m.origin == Origin::configured || (m.origin == Origin::leased && tick() < m.lease_end)) return true;
  std::uint32_t looked_at = 0;
  for (std::uint32_t s = m.confirmed.head; s != kNone; s = sessions.links(s).next_of_mapping) {
    count_work();
    if (!expired(sessions[s]) || ++looked_at == kMostLookedAt) return true;
  }
  return false;
}

bool State::open(std::uint32_t session) const {
  return session != kNone && sessions[session].live && !expired(sessions[session]) &&
         alive(sessions[session].mapping);
}

}  // namespace nat
