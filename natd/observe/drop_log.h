// What the engine refused in the last minute, and which mappings ended lately, for those who ask why a packet
// did not come through.
//
// Refused packets are kept by kind: one reason between the same two endpoints is one record with a number of
// packets. A new kind is explained as it happens, with the engine in the state that refused it. Bounds: so
// many kinds in all, and of one reason on one side; so many new ones of these in a second. A flood of ever
// new endpoints meets the bounds of its own reason and side, replaces its own kinds a few at a time, and
// leaves the others alone. What found no place is counted.
//
// Everything here is done with the engine's lock held: the engine tells it, SharedEngine::Lock hands it out.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "translation/base/random.h"
#include "translation/base/siphash.h"
#include "translation/state/view.h"

namespace nat {

class DropLog : public Observer {
 public:
  static constexpr Duration kMemory = std::chrono::minutes(1);
  static constexpr std::size_t kMostKinds = 512;
  static constexpr std::size_t kMostOfClass = 64;    // of one reason and side
  static constexpr std::uint32_t kNewInSecond = 16;  // of one reason and side
  static constexpr std::size_t kMostOctets = 2048;   // of a packet that is kept to be asked about again
  static constexpr std::size_t kMostEnded = 1024;

  struct Kind {
    std::uint64_t number = 0;          // never used twice
    Refusal refusal;                   // the last; its octets are those below
    std::vector<std::uint8_t> octets;  // empty when there were too many
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;
    TimePoint first, last;
    Explanation explanation;  // how it came to that, at most a second before `last`
    TimePoint explained;
  };

  struct Ended {
    MappingView mapping;
    RemovalCause cause = RemovalCause::expired;
    TimePoint at;
  };

  explicit DropLog(Random& random) : secret_{random.next(), random.next()} {}

  // Those of the last minute, the latest first.
  std::vector<const Kind*> kinds(TimePoint now);
  // Null when there is none, or none any more.
  const Kind* find(std::uint64_t number, TimePoint now);
  // The latest kind between those endpoints, whatever its reason.
  const Kind* find(const Probe& probe, TimePoint now);
  // Refused packets of the last minute that are in no kind.
  std::uint64_t unlisted(TimePoint now) const;

  // The mapping that had this endpoint last, on either side of it.
  const Ended* ended(Protocol protocol, Endpoint endpoint) const;
  // Adds what is known about the endpoints of a packet that found no mapping.
  void add_history(Explanation& explanation, Protocol protocol, Realm in, Endpoint source,
                   Endpoint destination, TimePoint now) const;

  // --- Observer
  void mapping_created(const MappingView&, TimePoint) override {}
  void mapping_removed(const MappingView& mapping, RemovalCause cause, TimePoint now) override;
  void refused(const Refusal& refusal, TimePoint now) override;
  bool wants_trace(const Refusal& refusal) override;
  void explained(const Refusal& refusal, const Explanation& explanation, TimePoint now) override;

 private:
  struct Key {
    Reason reason;
    Realm in;
    std::uint8_t protocol;
    Endpoint source, destination;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    HashSecret secret;
    std::size_t operator()(const Key& key) const;
  };
  // Kinds of one reason and side.
  struct Class {
    std::size_t kinds = 0;
    std::int64_t tokens = std::int64_t{kNewInSecond} * 1000;  // thousandths of a new kind
    TimePoint refilled{};
  };
  using Kinds = std::unordered_map<Key, Kind, KeyHash>;

  static Key key_of(const Refusal& refusal);
  Class& class_of(const Key& key);
  bool spend_token(Class& of, TimePoint now);
  void evict(const Key& key, TimePoint now);
  void forget(Kinds::iterator kind);
  void forget_old(TimePoint now);
  void count_unlisted(TimePoint now);

  HashSecret secret_;
  Kinds kinds_{16, KeyHash{secret_}};
  std::array<Class, 2 * kReasonCount> classes_;
  Kind* asked_ = nullptr;  // the kind to be explained next
  std::uint64_t next_number_ = 1;
  struct Unlisted {
    std::int64_t second = -1;
    std::uint64_t packets = 0;
  };
  std::array<Unlisted, 60> unlisted_;
  std::deque<Ended> ended_;  // the oldest first
};

}  // namespace nat
