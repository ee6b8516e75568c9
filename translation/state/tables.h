// All that the engine remembers between packets, and the only code that makes, ends or moves mappings and
// sessions: whoever is told of it (observer, counters, quotas, ports, permissions) is told here and nowhere
// else.
//
// A session's life: made by an outbound packet (`confirmed`) or by an inbound one that the filter let in
// (`unconfirmed`); expires; is `dormant` while its mapping lives, if the internal side had spoken on it,
// because a permitted remote stays permitted as long as the mapping; is forgotten with the mapping, or
// earlier when its room is needed. A mapping's life: made with its first session; ends when its last
// confirmed session expires. What is left of it then is cleared away by expire(), step by step.
#pragma once

#include <functional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "filtering/permissions.h"
#include "translation/base/random.h"
#include "translation/policy/policy.h"
#include "translation/ports/pool.h"
#include "translation/state/host_table.h"
#include "translation/state/mapping_table.h"
#include "translation/state/session_table.h"

namespace nat {

class LocalSockets;

class Tables {
 public:
  Tables(Policy policy, Random& random, LocalSockets* sockets, TimePoint now);

  // Time. Every public call of the engine begins with this.
  void set_now(TimePoint now) { now_ = now; }
  TimePoint now() const { return now_; }
  Tick tick() const { return tick_of(now_); }
  // The first tick that lies wholly behind `after` from now; lives at least `after`, at most a tick longer.
  Tick deadline_in(Duration after) const;
  TimePoint time_of(Tick tick) const { return epoch_ + Duration(std::int64_t{tick} * kTickMilliseconds); }

  // Mappings.
  bool is_external(Address address) const { return pool_.index_of(address).has_value(); }
  // Whether the address is that of a host with a mapping, be it one whose end is not cleared away yet.
  bool has_host(Address internal) const { return hosts_.find(internal) != kNone; }
  // What a mapping for a packet from `internal` to `remote` would get: port 0 where it is yet to be drawn, an
  // unspecified address where there is no port.
  Endpoint external_for(Protocol protocol, Endpoint internal, Endpoint remote) const;
  // Whether the mapping is still there at this instant, whatever expire() has come to.
  bool alive(std::uint32_t mapping) const;
  // Retires expired sessions of the mapping until one that lives is found. False when the mapping ended by
  // it.
  bool expire_sessions(std::uint32_t mapping);
  // Why a new mapping for a packet from `internal` to `remote` would be refused now, as far as can be told
  // without choosing a port.
  std::optional<Reason> refusal(Protocol protocol, Endpoint internal, Endpoint remote) const;
  // Whether the host makes mappings faster than it may, so that the next one would be refused.
  bool too_fast(Address internal, std::uint8_t profile) const;
  // What `internal` uses and may use, and the ports a mapping of it could get; for people.
  struct Supply {
    std::uint32_t mappings = 0, sessions = 0;  // of the host
    Address external;
    std::vector<PortRange> ranges;
    std::uint32_t free = 0, used = 0, quarantined = 0;
  };
  Supply supply(Protocol protocol, Endpoint internal, std::uint8_t profile) const;
  // kNone with `refused` set when no mapping can be made.
  std::uint32_t make_mapping(Protocol protocol, Endpoint internal, Endpoint remote, Reason& refused);
  void end_mapping(std::uint32_t mapping, RemovalCause cause);
  MappingView view(std::uint32_t mapping) const;
  // Puts a free port of the pool to rest, as if its owner had just let go of it.
  void rest(const QuarantinedPort& port);

  std::optional<PortUse> port_use(Endpoint external) const;
  std::vector<BlockView> blocks_of(Address internal) const;

  // Sessions.
  bool expired(const Session& session) const { return session.live && tick() >= session.deadline; }
  // Why `internal` may have no further session, on a mapping yet to be made (kNone), whose profile is given,
  // or on that one. `opened` is a host that will have one more by then; unspecified mostly.
  std::optional<Reason> session_refusal(Address internal, std::uint32_t mapping, Direction direction,
                                        std::uint8_t profile = Profiles::kGeneral, Address opened = {}) const;
  // Makes a session, or revives the dormant one with the same endpoints. The caller has asked
  // session_refusal.
  std::uint32_t open_session(std::uint32_t mapping, Endpoint remote, Direction direction, Duration timeout);
  // The first outbound packet on a session made from outside.
  void mark_confirmed(std::uint32_t session);
  // The session ends when nothing else is heard for `timeout`.
  void arm(std::uint32_t number, Duration timeout) {
    Session& session = sessions_[number];
    const Tick before = std::exchange(session.deadline, deadline_in(timeout));
    // A later deadline is seen when the wheel comes to the old one, an earlier one must be moved.
    if (session.deadline < before) rearm(number);
  }
  void retire(std::uint32_t session);
  void forget(std::uint32_t session);
  SessionView view_session(std::uint32_t session) const;
  // Whether the mapping's host has others of its protocol.
  bool has_siblings(std::uint32_t mapping) const {
    const Mapping& m = mappings_[mapping];
    return hosts_[m.host].mappings_of[index_of(m.protocol)] > 1;
  }
  bool contacted(std::uint32_t mapping, Address remote) const {
    return permissions_.contains(mapping, remote);
  }

  // Removes what is due, at most `budget` records. True when more is due now.
  bool expire(unsigned budget);

  // Policy.
  void replace_policy(Policy policy, std::vector<std::string>& refused);
  const Policy& policy() const { return policy_; }
  const Profiles& profiles() const { return profiles_; }
  const Profile& profile_of(const Mapping& mapping) const { return profiles_[mapping.profile]; }
  const Profile& profile_of(const Session& session) const { return profiles_[session.profile]; }
  const Pool& pool() const { return pool_; }

  SessionTable& sessions() { return sessions_; }
  const SessionTable& sessions() const { return sessions_; }
  MappingTable& mappings() { return mappings_; }
  const MappingTable& mappings() const { return mappings_; }
  Counters& counters() { return counters_; }
  const Counters& counters() const { return counters_; }
  Random& random() { return random_; }
  LocalSockets* sockets() const { return sockets_; }
  Observer* observer() const { return observer_; }
  void observe(Observer* observer) { observer_ = observer; }
  void fill(Gauges& gauges) const;
  std::uint32_t live_mappings() const { return live_mappings_; }
  std::uint32_t live_sessions() const { return live_sessions_; }

 private:
  Tick tick_of(TimePoint time) const;
  void rearm(std::uint32_t session);
  void count_session(std::uint32_t mapping, int change);
  // Where the host has its mappings; unspecified for kNone.
  Address paired_with(std::uint32_t host) const;
  PortRequest request_for(Protocol protocol, Endpoint internal, std::uint32_t host,
                          std::uint8_t profile) const;
  std::optional<PortGrant> shared_port(const PortRequest& request, Endpoint remote) const;
  // Whether a socket of the gateway has the port.
  std::function<bool(std::uint16_t)> occupied(Protocol protocol) const;
  // Tenths of new mappings, where so many a second are paid for; a second's worth may be owed.
  std::uint32_t debt_of(const HostRecord& host, std::uint32_t rate) const;
  void charge(HostRecord& host, std::uint32_t rate);
  BlockView view(const PortBlock& block) const;
  void tell_of_blocks(const std::vector<PortBlock>& blocks, Address host, bool given);
  std::uint32_t add_mapping(Mapping mapping);
  void release_host(std::uint32_t host);
  bool purge_ended(unsigned& budget);
  void evict(std::uint32_t mapping);
  void displace(std::uint32_t session);
  void make_dormant(std::uint32_t session);
  void leave_dormant(std::uint32_t session);
  void configure_pool();
  void choose_profiles_anew();
  void configure_forwards(std::vector<std::string>& refused);
  std::optional<std::string> add_forward(const PortForward& forward);

  Policy policy_;
  Random& random_;
  LocalSockets* sockets_;
  Observer* observer_ = nullptr;
  TimePoint epoch_;
  TimePoint now_;
  HashSecret secret_;
  SessionTable sessions_;
  MappingTable mappings_;
  HostTable hosts_;
  Permissions permissions_;
  TimerWheel<ZeroedArray<TimerLink>> wheel_;
  // Remembered sessions, oldest first, linked through their unused timer links.
  std::uint32_t oldest_dormant_ = kNone;
  std::uint32_t newest_dormant_ = kNone;
  std::uint32_t dormant_ = 0;
  Profiles profiles_;
  Pool pool_;
  std::vector<std::uint32_t> ended_;                      // mappings whose sessions are still to be forgotten
  std::unordered_map<std::uint64_t, std::string> names_;  // of configured mappings, by id
  Counters counters_;
  std::uint64_t next_id_ = 1;
  std::uint32_t live_mappings_ = 0;
  std::uint32_t live_sessions_ = 0;
};

}  // namespace nat
