// The only code that makes, changes and ends mappings and sessions: ports, quotas, permissions, timers,
// counters and events are kept in step with them here and nowhere else.
#pragma once

#include "translation/state/port_allocator.h"
#include "translation/state/state.h"

namespace nat {

class Lifecycle {
 public:
  explicit Lifecycle(State& state) : state_(state), ports_(state) {}

  const PortAllocator& ports() const { return ports_; }

  // --- Mappings

  // Why a new mapping for a packet from `internal` to `remote` would be refused now, as far as is known
  // without choosing a port.
  std::optional<Reason> refusal(Protocol protocol, Endpoint internal, Endpoint remote) const;
  // Whether the host makes mappings faster than it may, so that the next one would be refused.
  bool too_fast(Address internal, std::uint8_t profile) const;
  // Makes a dynamic mapping. kNone, with `refused` set, when none can be made. Its event is notify_made().
  std::uint32_t make_mapping(Protocol protocol, Endpoint internal, Endpoint remote, Reason& refused);
  // Adds a mapping whose port is taken already. Its host must exist.
  std::uint32_t add_mapping(Mapping mapping);
  // The same for one that has its id already, from a snapshot.
  std::uint32_t adopt_mapping(Mapping mapping);
  void notify_made(std::uint32_t mapping);
  void notify_changed(std::uint32_t mapping);
  // Its sessions can no longer be used from now on; what is left of them is forgotten by expire().
  void end_mapping(std::uint32_t mapping, RemovalCause cause);
  // Ends the mapping if its address has left the pool, and finds its profile anew if the rules have changed.
  void settle(std::uint32_t mapping);
  // Retires expired sessions of the mapping until one that lives is found, a bounded number. False when the
  // mapping ended by it.
  bool expire_sessions(std::uint32_t mapping);
  // Puts a free port of the pool into quarantine, as if its owner had just let go of it.
  void quarantine(const QuarantinedPort& port);

  // The record of a host that has or gets a mapping; kNone when limits.hosts is reached.
  std::uint32_t host_for(Address internal);
  // Lets go of the host's record when no mapping refers to it.
  void release_host(std::uint32_t host);
  void set_lease(std::uint32_t mapping, Duration lifetime);
  // To one that has no lease.
  void set_origin(std::uint32_t mapping, Origin origin);

  // --- Sessions

  // Why `internal` may have no further session, on a mapping yet to be made (kNone), whose profile is given,
  // or on that one. `opened` is a host that will have one more by then; unspecified mostly.
  std::optional<Reason> session_refusal(Address internal, std::uint32_t mapping, Direction direction,
                                        std::uint8_t profile = Profiles::kGeneral, Address opened = {}) const;
  // Makes a session, or reopens the dormant one with the same endpoints. The caller has asked
  // session_refusal.
  std::uint32_t open_session(std::uint32_t mapping, Endpoint remote, Direction direction, Duration timeout);
  // A session from a snapshot, live or dormant, whose endpoints no other has.
  void adopt_session(std::uint32_t mapping, const Session& saved);
  // The first outbound packet on a session made from outside.
  void confirm(std::uint32_t session);
  // The session ends when nothing else is heard for `timeout`.
  void arm(std::uint32_t number, Duration timeout) {
    Session& session = state_.sessions[number];
    const Tick before = session.deadline;
    session.deadline = state_.deadline_in(timeout);
    // A later deadline is seen when the wheel comes to the old one, an earlier one must be moved.
    if (session.deadline < before) rearm(number);
  }
  // What has run out becomes dormant, is forgotten, or ends its mapping.
  void retire(std::uint32_t session);
  void forget(std::uint32_t session);
  void notify_session(EventKind kind, std::uint32_t session);

  // --- Time and policy

  // Removes what is due and serves the backlog, as long as the work of the call is below `budget` records.
  // True when there is more to do now.
  bool expire(unsigned budget);
  // Replaces the policy. What that means for mappings and sessions holds at once; the tables follow in
  // expire(). Returns how many mappings lose their address by it.
  std::uint32_t replace_policy(Policy policy);

 private:
  void rearm(std::uint32_t session);
  void count_session(std::uint32_t mapping, bool confirmed, int change);
  void count_unconfirmed(std::uint32_t mapping, int change);
  void notify_blocks(const std::vector<PortBlock>& blocks, bool given);
  Event& notify(EventKind kind, const Mapping& mapping);
  void release_port(const Mapping& mapping);
  void end_lease(std::uint32_t mapping);
  void purge_ended(unsigned budget);
  void scan(unsigned budget);
  void evict_dormant(std::uint32_t mapping);
  void displace(std::uint32_t session);
  void make_dormant(std::uint32_t session);
  void leave_dormant(std::uint32_t session);

  State& state_;
  PortAllocator ports_;
};

}  // namespace nat
