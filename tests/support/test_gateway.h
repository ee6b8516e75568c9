// An engine with both its sides in the hands of a test: a clock that stands still until told otherwise,
// seeded randomness, an observer that writes everything down, and a host whose sockets are a list.
#pragma once

#include <set>
#include <utility>

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

class RecordingObserver : public Observer {
 public:
  struct Removal {
    MappingView mapping;
    RemovalCause cause;
  };
  void mapping_created(const MappingView& mapping, TimePoint) override { created.push_back(mapping); }
  void mapping_removed(const MappingView& mapping, RemovalCause cause, TimePoint) override {
    removed.push_back({mapping, cause});
  }
  void refused(const Refusal& refusal, TimePoint) override {
    refusals.push_back(refusal);
    refusals.back().octets = {};
  }
  bool wants_trace(const Refusal&) override { return curious; }
  void explained(const Refusal&, const Explanation& explanation, TimePoint) override {
    explanations.push_back(explanation);
  }

  void block_changed(const BlockView& block, bool given, TimePoint) override {
    blocks.emplace_back(block, given);
  }

  std::vector<std::pair<BlockView, bool>> blocks;  // and whether they were given or came back
  std::vector<MappingView> created;
  std::vector<Removal> removed;
  std::vector<Refusal> refusals;
  bool curious = false;
  std::vector<Explanation> explanations;  // of refusals, while curious
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
  explicit TestGateway(Policy policy = plain_policy(), std::uint64_t seed = 1);

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

  ApplyReport apply(const Policy& policy) { return engine.apply(policy, now_); }
  // Changes the policy in force.
  template <typename Change>
  ApplyReport change(Change&& how) {
    Policy policy = engine.policy();
    how(policy);
    return apply(policy);
  }

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
  SeededRandom random_;
  TimePoint now_{std::chrono::hours(1)};

 public:
  RecordingObserver observer;
  ListedSockets host;
  Engine engine;
};

}  // namespace nat::test
