// The NAT engine: packet octets, the side they came from and the time go in; a verdict comes out, and the
// octets are rewritten in place. It makes no system call, reads no clock, starts no thread and writes no log.
// It is not thread-safe: its owner calls it from one thread at a time.
//
// The way of a packet (translation/pipeline reads as this list):
//   parse -> entry -> fragment memory -> session hit: rewrite
//                                     -> outbound miss: quotas, mapping (and port), session, rewrite
//                                     -> inbound miss: mapping, filter, session, rewrite
//   an outbound packet to one of our external endpoints goes through inbound as well (hairpinning)
//   ICMP errors follow the session of the packet they quote
//
// Beside the datapath it has three seams: verbs (map, renew, unmap), events, and the snapshot. No call does
// more than a bounded piece of work, whatever the tables hold; what is more waits for expire().
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "translation/base/random.h"
#include "translation/net/verdict.h"
#include "translation/policy/policy.h"
#include "translation/ports/local_sockets.h"
#include "translation/state/event.h"
#include "translation/state/map_request.h"
#include "translation/state/snapshot.h"
#include "translation/state/view.h"
#include "translation/trace/drop_sampler.h"
#include "translation/trace/explanation.h"

namespace nat {

// What Engine::apply did, in numbers; the differences themselves are the caller's to report.
struct ApplyReport {
  std::uint32_t kept_mappings = 0;
  std::uint32_t kept_sessions = 0;
  std::uint32_t removed_mappings = 0;  // whose address left the pool
};

class Pipeline;
class Tracer;

class Engine {
 public:
  // Records that one packet may cost at most: mappings, sessions, permissions and fragments looked at, moved
  // or removed.
  static constexpr std::uint32_t kMostWorkOfPacket = 768;
  // What a call with a budget may exceed it by: it finishes the record that it has begun.
  static constexpr std::uint32_t kMostWorkOfStep = 128;

  // `sockets` and `random` must outlive the engine; `sockets` may be null where there is no machine around
  // it. `kept` is for readers who come by seldom, or often.
  Engine(Policy policy, Random& random, LocalSockets* sockets, TimePoint now, EventsKept kept = {});
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // --- Datapath. No exception, no allocation when the session exists. A time before that of an earlier call
  // counts as that one.

  Verdict translate(const Packet& packet, Realm in, TimePoint now);
  // Hints that these packets, each from the side named beside it, will be translated next, so that their
  // sessions are in the cache by then. Worth it from two packets on.
  void prefetch(std::span<const Packet> packets, std::span<const Realm> in) const;
  // Next held packet that was let go by the last call of translate() or expire(); false when there is none
  // left.
  bool take_released(Released& released);
  // Next packet that fell due in a call of expire(); false when there is none left. What is not taken is
  // given up in time.
  bool take_generated(GeneratedPacket& packet);
  // Removes what is due and does what waits, at most `budget` records. Returns the time to call again.
  TimePoint expire(TimePoint now, unsigned budget);

  // --- Policy

  // Acts at once: open sessions stay open, mappings keep their external endpoints unless their address left
  // the pool, the filter applies to the next inbound packet and the mapping behaviour to the next new
  // session. The records of what the policy ended are removed by expire().
  ApplyReport apply(Policy policy, TimePoint now);
  const Policy& policy() const;
  // Whether it is an address of the pool. As quick as translate() needs it.
  bool is_external(Address address) const;

  // --- Verbs (translation/state/map_request.h)

  MapResult map(const MapRequest& request, TimePoint now);
  MapResult renew(MappingId id, Owner owner, Duration lifetime, TimePoint now);
  // Nothing when it is done.
  std::optional<MapRefusal> unmap(MappingId id, Owner owner, TimePoint now);
  // Ends dynamic mappings with their sessions that `matches` says yes to, from `cursor` on (start with 0), at
  // most `budget` records' worth. Sets `cursor` to 0 when everything was seen.
  struct Flushed {
    std::uint32_t mappings = 0;
    std::uint32_t sessions = 0;
  };
  Flushed flush(std::uint64_t& cursor, unsigned budget,
                const std::function<bool(const MappingView&)>& matches, TimePoint now);
  // Keeps free ports from all but their owners until their quarantine ends (RFC 6888 REQ-8); the
  // earliest end first. What is not of the pool, or in use, is left alone. Give it some hundred at a time.
  void quarantine(std::span<const QuarantinedPort> ports, TimePoint now);

  // --- Events (translation/state/event.h)

  const Events& events() const;
  void follow_sessions(bool on);
  // What is known of a traced drop, by the number of its event; null when it is no longer kept.
  const TracedDrop* traced_drop(std::uint64_t number) const;

  // --- Snapshot (translation/state/snapshot.h)

  // Writes the next piece to `sink`, at most `budget` records, from `cursor` on (start with 0). Sets `cursor`
  // to 0 when all is written. All pieces together are one snapshot.
  void save(SnapshotCursor& cursor, unsigned budget, const SnapshotSink& sink, TimePoint now) const;
  // Takes over a snapshot as a whole, or nothing of it. The engine must have no mapping. Not bounded: before
  // there is traffic.
  RestoreResult restore(std::span<const std::uint8_t> snapshot, TimePoint now);

  // --- View. At most `budget` records are visited from `cursor` on; it ends as 0 when all were seen.

  void visit_mappings(std::uint64_t& cursor, unsigned budget, TimePoint now,
                      const std::function<void(const MappingView&)>& sink) const;
  void visit_sessions(std::uint64_t& cursor, unsigned budget, TimePoint now,
                      const std::function<void(const SessionView&)>& sink) const;
  // A configured or leased mapping by its id; nothing when there is none.
  std::optional<MappingView> static_mapping(MappingId id, TimePoint now) const;
  // Whether a live mapping has the external endpoint.
  bool is_mapped(Protocol protocol, Endpoint external) const;
  // Who has the external endpoint now, or had it until it came into quarantine; nothing for an address of
  // others.
  std::optional<PortUse> port_use(Endpoint external, TimePoint now) const;
  // The ports that belong to the host beforehand, and the blocks it got besides.
  std::vector<BlockView> blocks_of(Address internal) const;
  const Counters& counters() const;
  Gauges gauges() const;
  // What would happen to a packet, without doing it. The octets are read only.
  Explanation explain(const Packet& packet, Realm in, TimePoint now) const;
  // The same for one that need not exist, in one piece and without a fault.
  Explanation explain(const Probe& probe, TimePoint now) const;

  // Records that the last call looked at, moved or removed.
  std::uint32_t last_work() const;

 private:
  // Traces the packet that was dropped last, now and then.
  void sample(const Packet& packet, Realm in);

  std::unique_ptr<Pipeline> pipeline_;
  std::unique_ptr<Tracer> tracer_;
  DropSampler sampler_;
};

}  // namespace nat
