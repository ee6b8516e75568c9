// The NAT engine: packet octets, the side they came from and the time go in; a verdict comes out, and the
// octets are rewritten in place. It makes no system call, reads no clock, starts no thread and writes no log.
// It is not thread-safe: its owner calls it from one thread at a time.
//
// The way of a packet (pipeline.cpp reads as this list):
//   parse -> fragment memory -> session hit: rewrite
//                            -> outbound miss: admission, mapping (and port), session, rewrite
//                            -> inbound miss: mapping, filter, session, rewrite
//   an outbound packet to one of our external endpoints goes through inbound as well (hairpinning)
//   ICMP errors follow the session of the packet they quote
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "translation/base/random.h"
#include "translation/net/verdict.h"
#include "translation/policy/policy.h"
#include "translation/ports/local_sockets.h"
#include "translation/state/view.h"

namespace nat {

// What Engine::apply did, in numbers; the differences themselves are the caller's to tell.
struct ApplyReport {
  std::uint32_t kept_mappings = 0;
  std::uint32_t kept_sessions = 0;
  std::uint32_t removed_mappings = 0;
  std::vector<std::string> refused;  // port forwards that could not be made, with the reason
};

class Pipeline;

class Engine {
 public:
  // `sockets` and `random` must outlive the engine; `sockets` may be null where there is no machine around
  // it.
  Engine(Policy policy, Random& random, LocalSockets* sockets, TimePoint now);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // --- Datapath. No exception, no allocation when the session exists.

  Verdict translate(const Packet& packet, Realm in, TimePoint now);
  // Hints that these packets, each from the side named beside it, will be translated next, so that their
  // sessions are in the cache by then. Worth it from two packets on.
  void prefetch(std::span<const Packet> packets, std::span<const Realm> in) const;
  // Next held packet that was let go by the last call of translate() or expire(); false when there is none
  // left.
  bool take_released(Released& released);
  // Next packet that fell due in a call of expire(); false when there is none left. What nobody takes is
  // given up in time.
  bool take_generated(GeneratedPacket& own);
  // Removes what is due, at most `budget` records. Returns the time to call again.
  TimePoint expire(TimePoint now, unsigned budget);

  // --- Control.

  // Acts at once: open sessions stay open, mappings keep their external endpoints unless their address left
  // the pool, the filter applies to the next inbound packet and the mapping behaviour to the next new
  // session.
  ApplyReport apply(Policy policy, TimePoint now);
  const Policy& policy() const;
  // Whether it is an address of the pool. As quick as translate() needs it.
  bool is_external(Address address) const;
  // Removes up to `budget` dynamic mappings with their sessions that `matches` says yes to, from `cursor` on
  // (start with 0). Sets `cursor` to 0 when everything was seen. Returns how many went.
  std::uint32_t flush(std::uint64_t& cursor, unsigned budget,
                      const std::function<bool(const MappingView&)>& matches, TimePoint now);
  void observe(Observer* observer);
  // Keeps free ports from everybody but their owners until they have rested (RFC 6888 REQ-8); the earliest
  // end of rest first. What is not of the pool, or in use, is left alone.
  void rest(std::span<const QuarantinedPort> ports, TimePoint now);

  // --- View. At most `budget` records are visited from `cursor` on; it ends as 0 when all were seen.

  void visit_mappings(std::uint64_t& cursor, unsigned budget, TimePoint now,
                      const std::function<void(const MappingView&)>& sink) const;
  void visit_sessions(std::uint64_t& cursor, unsigned budget, TimePoint now,
                      const std::function<void(const SessionView&)>& sink) const;
  // Who has the external endpoint now, or had it until it came to rest; nothing for an address of others.
  std::optional<PortUse> port_use(Endpoint external, TimePoint now) const;
  // The ports that belong to the host beforehand, and the blocks it got besides.
  std::vector<BlockView> blocks_of(Address internal) const;
  const Counters& counters() const;
  Gauges gauges() const;
  // What would happen to a packet, without doing it. The octets are read only.
  Explanation explain(const Packet& packet, Realm in, TimePoint now) const;
  // The same for one that need not exist, in one piece and without a fault.
  Explanation explain(const Probe& probe, TimePoint now) const;

 private:
  std::unique_ptr<Pipeline> pipeline_;
};

}  // namespace nat
