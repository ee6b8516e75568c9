// The memory for fragmented datagrams (RFC 4787 REQ-14, RFC 791).
//
// Only the first fragment has ports. What was decided for it is kept under (source, destination, protocol,
// identification, side) and applied to the others; those that come before it are held, in bounded memory,
// until it arrives. Fragments that overlap are refused (RFC 1858): nobody sends them who means well.
//
// Bounds: datagrams, octets held, time; and one source may have at most a quarter of the datagrams that wait
// and of their octets, so that a flood of one source's orphans pushes out its own. Each datagram has the time
// that was in force when it came or was decided, however the policy changes: deadlines are kept in their own
// order, which costs a datagram a few comparisons, and a packet of a known one nothing.
#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <optional>
#include <unordered_map>
#include <vector>

#include "translation/base/siphash.h"
#include "translation/net/verdict.h"
#include "translation/policy/policy.h"

namespace nat {

struct DatagramKey {
  Address source, destination;
  std::uint16_t identification = 0;
  std::uint8_t protocol = 0;
  Realm in = Realm::internal;
  bool operator==(const DatagramKey&) const = default;
};

// What happens to every fragment of a datagram once its first one has been through the pipeline.
struct FragmentDecision {
  Reason reason = Reason::translated;
  Realm out = Realm::external;
  Address hairpin_source{};
  Address source, destination;  // after the rewrite
  std::uint16_t identification = 0;
};

class Fragments {
 public:
  explicit Fragments(const HashSecret& secret) : datagrams_(16, KeyHash{secret}) {}

  // A fragment that is not the first. Applies the decision if there is one, else holds the fragment (or drops
  // it).
  Verdict later(const PacketView& view, const Packet& packet, Realm in, const Policy& policy, TimePoint now);
  // Before the first fragment goes through the pipeline: a reason to drop it.
  std::optional<Reason> first(const PacketView& view, Realm in, const Policy& policy, TimePoint now);
  // After it: what was decided. The key is that of the packet as it arrived.
  void decide(const DatagramKey& key, const FragmentDecision& decision, TimePoint deadline);

  // What later() would say, without doing it; for a first fragment `translated`, or why first() would refuse
  // it. With the decision that would be applied.
  struct Preview {
    Reason reason = Reason::fragment_held;
    const FragmentDecision* decision = nullptr;
    const char* limit = "";  // the key of the limit that is met, where it is one of the configuration
  };
  Preview preview(const PacketView& view, Realm in, const Policy& policy, TimePoint now) const;

  // Gives up what has waited too long. At most `budget` datagrams; true when more is due.
  bool expire(TimePoint now, unsigned budget);
  TimePoint next_deadline() const;

  // Held fragments that can go, in order, and the side they came from.
  bool take_released(Released& released, Realm& in);

  std::uint32_t datagrams() const { return static_cast<std::uint32_t>(datagrams_.size()); }
  std::uint32_t held() const { return held_count_; }
  std::uint32_t held_bytes() const { return held_bytes_; }

  static DatagramKey key_of(const PacketView& view, Realm in) {
    return {view.source_address(), view.destination_address(), view.identification(), view.ip_protocol(), in};
  }

 private:
  struct Held {
    std::uint64_t token;
    std::vector<std::uint8_t> octets;
  };
  struct Range {
    std::uint32_t begin, end;
  };
  struct Datagram;
  struct KeyHash {
    HashSecret secret;
    std::size_t operator()(const DatagramKey& key) const {
      return siphash13(secret, std::uint64_t{key.source.value()} << 32 | key.destination.value(),
                       std::uint64_t{key.identification} << 16 | std::uint64_t{key.protocol} << 8 |
                           static_cast<std::uint64_t>(key.in));
    }
  };
  using Map = std::unordered_map<DatagramKey, Datagram, KeyHash>;
  using Order = std::list<DatagramKey>;
  using Deadlines = std::multimap<TimePoint, DatagramKey>;
  struct Datagram {
    std::optional<FragmentDecision> decision;
    std::vector<Range> seen;
    std::vector<Held> held;
    Order::iterator position;
    Deadlines::iterator due;
    TimePoint deadline() const { return due->first; }
  };
  struct Pending {
    std::uint64_t token = 0;
    Verdict verdict;
    std::vector<std::uint8_t> octets;
    Realm in = Realm::internal;
  };

  Map::iterator find_or_make(const DatagramKey& key, const Policy& policy, TimePoint now);
  static std::optional<Reason> range_refusal(const Datagram& datagram, Range range);
  static Range range_of(const PacketView& view);
  static Verdict apply(const FragmentDecision& decision, const PacketView& view);
  void remove(Map::iterator entry, Reason reason);
  bool evict(Address source, const Policy& policy);
  // Room to hold another fragment of that datagram: within its source's share of the octets, and within all.
  bool evict_octets(Map::iterator entry, std::uint32_t size, const Policy& policy);
  // Drops what waits longest, of one source or of all. False when there is nothing but `spared`.
  bool give_up_oldest(const Address* source, const DatagramKey* spared);
  void no_longer_waiting(Address source, const Datagram& datagram);
  Order& order_of(const Datagram& datagram) { return datagram.decision ? decided_ : waiting_; }

  Map datagrams_;
  Order waiting_;  // without a first fragment, oldest first
  Order decided_;
  Deadlines deadlines_;  // of all
  struct Waiting {
    std::uint32_t datagrams = 0;
    std::uint32_t bytes = 0;
  };
  std::unordered_map<Address, Waiting> waiting_of_source_;
  std::deque<Pending> released_;
  Pending current_;
  std::uint32_t held_count_ = 0;
  std::uint32_t held_bytes_ = 0;
};

}  // namespace nat
