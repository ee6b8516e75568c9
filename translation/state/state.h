// All that the engine keeps between packets: its policy, its tables, its time. What changes mappings and
// sessions is Lifecycle (lifecycle.h), and nothing else; what is here looks, and counts what it looks at.
//
// A session's life: made by an outbound packet (`confirmed`) or by an inbound one that the filter let in
// (`unconfirmed`); expires; is `dormant` while its mapping lives, if the internal side had spoken on it,
// because a permitted remote stays permitted as long as the mapping; is forgotten with the mapping, or
// earlier when its place is needed. A mapping's life: made with its first session; ends when its last
// confirmed session expires, or with its lease, or when the operator says so.
//
// No call does more than a bounded piece of work. What may be more (the sessions of a large mapping that
// ended, the mappings of an address that is gone, other rules for hosts) waits in the backlog, and expire()
// takes it piece by piece. Until then a packet that meets it is judged as if it were done: that is what
// `settled` is about.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "filtering/admission.h"
#include "filtering/permissions.h"
#include "translation/base/random.h"
#include "translation/policy/policy.h"
#include "translation/ports/pool.h"
#include "translation/state/dormant_queue.h"
#include "translation/state/event.h"
#include "translation/state/host_table.h"
#include "translation/state/map_request.h"
#include "translation/state/mapping_table.h"
#include "translation/state/session_table.h"
#include "translation/state/view.h"

namespace nat {

class LocalSockets;

// Records looked at, moved or removed since the last call of the engine began.
struct Work {
  std::uint32_t records = 0;
};

// What waits for expire(), beside what is due.
struct Backlog {
  // Mappings that have ended and whose sessions are still to be forgotten.
  std::vector<std::uint32_t> ended;
  // Of them, those that may still be found by their confirmed sessions.
  std::uint32_t lingering = 0;
  // After a change of the policy: all mappings, then all sessions, from here to there.
  std::uint32_t next_mapping = 0, last_mapping = 0;
  std::uint32_t next_session = 0, last_session = 0;

  bool scanning() const { return next_mapping < last_mapping || next_session < last_session; }
};

struct State {
  State(Policy wanted, Random& source_of_chance, LocalSockets* gateway_sockets, TimePoint begin,
        EventsKept kept);

  // --- Time. Every public call of the engine begins with this.

  void begin_call(TimePoint time) {
    if (time > now) now = time;
    work.records = 0;
  }
  Tick tick() const { return tick_of(now); }
  Tick tick_of(TimePoint time) const { return static_cast<Tick>((time - epoch).count() / kTickMilliseconds); }
  // The first tick that lies wholly behind `after` from now; lives at least `after`, at most a tick longer.
  Tick deadline_in(Duration after) const {
    return static_cast<Tick>(((now - epoch) + after).count() / kTickMilliseconds) + 1;
  }
  TimePoint time_of(Tick when) const { return epoch + Duration(std::int64_t{when} * kTickMilliseconds); }

  // --- Looking

  bool is_external(Address address) const { return pool.contains(address); }
  bool expired(const Session& session) const { return session.live && tick() >= session.deadline; }
  // Whether the mapping may be used as far as the policy goes: it has not ended, and its address is still in
  // the pool.
  bool valid(const Mapping& mapping) const {
    if (!mapping.live || settled()) return mapping.live;
    if (pool.generation_of(mapping.external.address) != mapping.address_generation) return false;
    return mapping.origin != Origin::dynamic || mapping.shares ||
           pool.may_keep(mapping.external, mapping.internal.address);
  }
  // Whether the mapping is still there at this instant, whatever expire() has come to. Of one with very many
  // sessions that have run out since, it may say yes until expire() comes to it.
  bool alive(std::uint32_t mapping) const;
  // Whether there is such a session at this instant.
  bool open(std::uint32_t session) const;
  // Whether nothing in the tables is older than the policy.
  bool settled() const { return !unsettled; }
  // Whether the session is as the policy has it now, so that it can be used as it is.
  bool current(const Session& session) const {
    const Mapping& m = mappings[session.mapping];
    return valid(m) && m.profile_generation == profile_generation && session.profile == m.profile;
  }
  bool contacted(std::uint32_t mapping, Address remote) const {
    return permissions.contains(mapping, remote);
  }
  // Whether the mapping's host has others of its protocol.
  bool has_siblings(std::uint32_t mapping) const {
    const Mapping& m = mappings[mapping];
    return hosts[m.host].mappings_of[index_of(m.protocol)] > 1;
  }

  std::uint8_t profile_number(const Mapping& mapping) const {
    return mapping.profile_generation == profile_generation
               ? mapping.profile
               : profiles.find(mapping.protocol, mapping.internal, mapping.remote_port);
  }
  const Profile& profile_of(const Mapping& mapping) const { return profiles[profile_number(mapping)]; }
  const Profile& profile_of(const Session& session) const {
    return settled() ? profiles[session.profile] : profile_of(mappings[session.mapping]);
  }

  void count_work(std::uint32_t records = 1) const { work.records += records; }
  void refresh_settled() { unsettled = backlog.lingering > 0 || backlog.scanning(); }

  Policy policy;
  Admission admission;  // of the policy's internal networks
  Random& random;
  LocalSockets* sockets;
  TimePoint epoch;
  TimePoint now;
  HashSecret secret;
  SessionTable sessions;
  MappingTable mappings;
  HostTable hosts;
  Permissions permissions;
  TimerWheel<ZeroedArray<TimerLink>> wheel;   // of sessions
  TimerWheel<ZeroedArray<TimerLink>> leases;  // of leased mappings
  DormantQueue dormant;
  std::uint32_t next_dormant = 0;  // the place in the queue, which stands in a dormant session's deadline
  Profiles profiles;
  std::uint32_t profile_generation = 1;
  Pool pool;
  Backlog backlog;
  std::unordered_map<std::uint64_t, StaticMapping> statics;  // configured and leased mappings, by id
  Events events;
  Counters counters;
  std::uint64_t next_id = 1;
  std::uint32_t live_mappings = 0;
  std::uint32_t live_sessions = 0;
  std::uint32_t unconfirmed_sessions = 0;  // of them, those made by inbound packets only
  mutable Work work;

  // How many sessions of a mapping are looked at, to find one that lives, before it is taken for alive.
  static constexpr std::uint32_t kMostLookedAt = 64;

 private:
  bool unsettled = false;
};

}  // namespace nat
