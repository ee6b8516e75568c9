// An engine with both its sides in the hands of a test: a clock that stands still until it is moved,
// seeded randomness, a reader of its events that writes everything down, and sockets that are a list.
#pragma once

#include <set>
#include <utility>

#include "config/port_forward.h"
#include "tests/support/octets.h"
#include "translation/engine.h"

namespace nat::test {

using std::chrono::milliseconds;
using std::chrono::seconds;

// What became of one packet.
struct Outcome {
  Reason reason = Reason::not_ours;
  Realm out = Realm::external;
  Octets packet;  // as it is after the engine's hands
  Octets reply;   // the ICMP error for its sender
  Address hairpin_source;

  Action action() const { return action_of(reason); }
  bool forwarded() const { return action() == Action::forward; }
};

// What the engine's events have said so far.
struct Observed {
  struct Removal {
    MappingView mapping;
    RemovalCause cause;
  };
  std::vector<Event> events;  // all that is not a drop
  std::vector<MappingView> created;
  std::vector<Removal> removed;
  std::vector<DropEvent> refusals;
  std::vector<std::pair<BlockView, bool>> blocks;  // and whether they were given or came back
  std::vector<Explanation> explanations;           // of traced drops
};

class ListedSockets : public LocalSockets {
 public:
  bool serves(Protocol protocol, Endpoint local, Endpoint) override {
    return sockets.contains({protocol, protocol == Protocol::icmp ? std::uint16_t{0} : local.port});
  }
  bool in_use(Protocol protocol, std::uint16_t port) override { return sockets.contains({protocol, port}); }

  // Port 0 for ICMP: the gateway answers pings.
  std::set<std::pair<Protocol, std::uint16_t>> sockets;
};

// 203.0.113.11 outside, 10.0.0.254 inside, everything else as the RFCs have it.
Policy plain_policy();

class TestGateway {
 public:
  explicit TestGateway(Policy policy = plain_policy(), std::uint64_t seed = 1, EventsKept kept = {});

  Outcome from_inside(Octets packet, std::uint64_t token = 0);
  Outcome from_outside(Octets packet, std::uint64_t token = 0);
  // A packet of the gateway's own, on its way out.
  Outcome from_gateway(Octets packet);
  Outcome translate(Octets packet, Realm in, ChecksumState checksum = ChecksumState::complete,
                    bool from_gateway = false, std::uint64_t token = 0);

  // Moves the clock and nothing else: what is due then is still in the tables.
  void advance(Duration by) { now_ += by; }
  // Lets the engine remove everything that is due.
  void sweep();
  // Both.
  void pass(Duration by) {
    advance(by);
    sweep();
  }

  // Applies the policy and does all that follows from it.
  ApplyReport apply(const Policy& policy);
  // Changes the policy in force.
  template <typename Change>
  ApplyReport change(Change&& how) {
    Policy policy = engine.policy();
    how(policy);
    return apply(policy);
  }

  // Makes the engine's configured mappings those of the list. Returns what could not be made.
  std::vector<MapRefusal> set_forwards(const std::vector<PortForward>& wanted);
  MapResult map(const MapRequest& request) { return engine.map(request, now_); }

  const Observed& observed();
  // All that the engine would need after a restart, in pieces of that many records.
  Octets snapshot(unsigned budget = 64) const;
  // Replaces the engine by one that knows what the old one did. Fragments and held SYNs are lost.
  Restored restart(unsigned budget = 64);

  std::vector<MappingView> mappings() const;
  std::vector<SessionView> sessions() const;
  // Held packets that were let go, in order.
  std::vector<std::pair<std::uint64_t, Outcome>> released();
  // Packets of natd's own that fell due, in order.
  std::vector<Octets> replies();
  std::uint64_t count(Reason reason) const { return engine.counters().total(reason).packets; }
  TimePoint now() const { return now_; }
  std::uint64_t sent = 0;  // packets that were given to the engine

 private:
  const Policy first_policy_;  // whose limits the tables have
  const EventsKept kept_;
  SeededRandom random_;
  TimePoint now_{std::chrono::hours(1)};
  void note(const Event& event);

  Observed observed_;
  RingCursor changes_, drops_;

 public:
  ListedSockets host;
  Engine engine;
};

// A forward without an address is for the first of the pool.
MapRequest request_for(const PortForward& forward);

}  // namespace nat::test
