// One fragmented datagram as natd keeps it: which of its octets were seen, what was decided for its first
// fragment, and the fragments that wait for that.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "translation/base/time.h"
#include "translation/net/packet.h"
#include "translation/protocols/fragment_use.h"

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

// The octets that a fragment carries, counted from the end of the IP header of the whole; `last` when none
// follow.
struct FragmentRange {
  std::uint32_t begin = 0, end = 0;
  bool last = false;
  static FragmentRange of(const PacketView& view);
};

struct HeldFragment {
  // Beside its octets, a held fragment takes this much: records of it and its datagram, and what the
  // allocator adds. It counts towards limits.fragment-bytes.
  static constexpr std::uint32_t kOverhead = 256;
  std::uint64_t token = 0;
  std::vector<std::uint8_t> octets;
  std::uint32_t bytes() const { return kOverhead + static_cast<std::uint32_t>(octets.size()); }
};

struct FragmentedDatagram {
  // Fragments that are told apart; 65,535 octets in pieces of the smallest IPv4 MTU of practice.
  static constexpr std::uint32_t kMostFragments = 128;

  // Why a fragment with these octets is refused: they overlap others, lie beyond the end, or are one piece
  // too many.
  std::optional<Reason> refusal(FragmentRange range) const;
  void add(FragmentRange range);
  // Whether every octet of it was seen, the last one too.
  bool complete() const { return end != 0 && octets == end; }
  std::uint32_t held_bytes() const;

  DatagramKey key;
  std::optional<FragmentDecision> decision;
  std::vector<FragmentRange> seen;  // none of them overlap
  std::uint32_t octets = 0;         // in those
  std::uint32_t end = 0;            // of the whole, 0 until the last fragment was seen
  std::vector<HeldFragment> held;   // none once it is decided
  FragmentUse::Place place;
  std::multimap<TimePoint, FragmentedDatagram*>::iterator due;
};

}  // namespace nat
