// The memory for fragmented datagrams (RFC 4787 REQ-14, RFC 791).
//
// Only the first fragment has ports. What was decided for it is kept under (source, destination, protocol,
// identification, side) and applied to the others; those that come before it are held, in bounded memory,
// until it arrives. Fragments that overlap are refused (RFC 1858): no well-meaning host sends them.
//
// A datagram of which every octet was seen is complete, and is forgotten: its identification is free for
// another (RFC 791 section 3.2). Whatever comes with the same key begins a new datagram. A first fragment is
// judged again like any packet. Another one, be it a duplicate that the network made or the beginning of a
// new datagram in another order, is held until a first fragment comes, and given up when none does; it never
// follows the decision of the one before. So completeness opens no way around the filter: ports and flags are
// in octets that only first fragments carry (fragments that begin inside a TCP header are refused), each
// first fragment is judged, and no fragment goes on that overlaps another of its own datagram.
//
// Bounds: datagrams, fragments held, bytes of those, time. One source has a quarter of each at most, of the
// datagrams that wait and of those decided alike; where all is used, who uses most gives way
// (fragment_use.h). Each datagram has the time that was in force when it came or was decided, however the
// policy changes.
//
// Work: a call gives up at most kMostGivenUp fragments and datagrams, and where that makes no room, the
// newcomer is refused. A first fragment lets at most FragmentedDatagram::kMostFragments others go. Whom to
// give up is found at once; to keep deadlines and uses in order takes a few comparisons, and only when a
// datagram comes or goes or a fragment is held: a packet of a decided one needs none.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <unordered_map>
#include <vector>

#include "translation/base/siphash.h"
#include "translation/net/verdict.h"
#include "translation/policy/policy.h"
#include "translation/protocols/fragment_use.h"
#include "translation/protocols/fragmented_datagram.h"

namespace nat {

class Fragments {
 public:
  static constexpr unsigned kMostGivenUp = 256;

  explicit Fragments(const HashSecret& secret) : datagrams_(16, KeyHash{secret}), use_(secret) {}

  // A fragment that is not the first. Applies the decision if there is one, else holds the fragment (or drops
  // it).
  Verdict later(const PacketView& view, const Packet& packet, Realm in, const Policy& policy, TimePoint now);
  // Before the first fragment goes through the pipeline: a reason to drop it.
  std::optional<Reason> first(const PacketView& view, Realm in, const Policy& policy, TimePoint now);
  // After it: what was decided. The key is that of the packet as it arrived.
  void decide(const DatagramKey& key, const FragmentDecision& decision, TimePoint deadline);

  // What later() would say, without doing it; for a first fragment `translated`, or why first() would refuse
  // it. With the decision that would be applied. `happened` is what later() has just said, where that is the
  // question.
  struct Preview {
    Reason reason = Reason::fragment_held;
    const FragmentDecision* decision = nullptr;
    const char* limit = "";  // the key of the limit that is met, where it is one of the configuration
  };
  Preview preview(const PacketView& view, Realm in, const Policy& policy, TimePoint now,
                  std::optional<Reason> happened = std::nullopt) const;
  // The key of the limit for which the last fragment was refused or, of those that take_released() gave,
  // given up.
  const char* limit_met() const { return limit_met_; }

  // Gives up what has waited too long, and forgets what was decided long ago. At most `budget` records: a
  // datagram is as many as it holds fragments, and at least one. True when more is due.
  bool expire(TimePoint now, unsigned budget);
  TimePoint next_deadline() const;

  // Held fragments that can go, in order, and the side they came from.
  bool take_released(Released& released, Realm& in);

  std::uint32_t datagrams() const {
    return static_cast<std::uint32_t>(datagrams_.size()) - (finished_ == nullptr ? 0 : 1);
  }
  std::uint32_t held() const { return use_.total(FragmentLimit::held); }
  // Of fragments held, with what it takes to hold them (HeldFragment::kOverhead).
  std::uint32_t held_bytes() const { return use_.total(FragmentLimit::bytes); }

  static DatagramKey key_of(const PacketView& view, Realm in) {
    return {view.source_address(), view.destination_address(), view.identification(), view.ip_protocol(), in};
  }

 private:
  struct KeyHash {
    HashSecret secret;
    std::size_t operator()(const DatagramKey& key) const {
      return siphash13(secret, std::uint64_t{key.source.value()} << 32 | key.destination.value(),
                       std::uint64_t{key.identification} << 16 | std::uint64_t{key.protocol} << 8 |
                           static_cast<std::uint64_t>(key.in));
    }
  };
  struct Pending {
    std::uint64_t token = 0;
    Verdict verdict;
    std::vector<std::uint8_t> octets;
    Realm in = Realm::internal;
    const char* limit = "";
  };

  FragmentedDatagram* find(const DatagramKey& key, TimePoint now, unsigned& budget);
  FragmentedDatagram& make(const DatagramKey& key, const Policy& policy, TimePoint deadline);
  static Verdict apply(const FragmentDecision& decision, const PacketView& view);
  void hold(FragmentedDatagram& datagram, FragmentRange range, const PacketView& view, std::uint64_t token);
  void finish_if_complete(FragmentedDatagram& datagram);
  void forget_finished();
  void remove(FragmentedDatagram& datagram);
  // Where `budget` ends, the datagram stays with what it holds yet, and the answer is no.
  bool give_up(FragmentedDatagram& datagram, Reason reason, const char* limit, unsigned& budget);
  // Room for `more`, within the source's share and within all; `spared` is not given up for it.
  bool make_room(FragmentLimit limit, Address source, std::uint32_t more, const FragmentedDatagram* spared,
                 const Policy& policy, unsigned& budget);

  std::unordered_map<DatagramKey, FragmentedDatagram, KeyHash> datagrams_;
  std::multimap<TimePoint, FragmentedDatagram*> deadlines_;
  FragmentUse use_;
  FragmentedDatagram* finished_ = nullptr;  // complete; forgotten with the next call
  std::deque<Pending> released_;
  Pending current_;
  const char* limit_met_ = "";
};

}  // namespace nat
