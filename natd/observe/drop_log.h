// What the engine refused in the last minute, and which mappings ended lately, for those who ask why a packet
// did not come through.
//
// Refused packets are kept by kind: one reason between the same two endpoints is one record with a number of
// packets, and begins with one that was traced as it happened (translation/trace/drop_sampler.h), with the
// engine in the state that refused it. Bounds: so many kinds in all, and of one reason on one side. A flood
// of ever new endpoints meets the bounds of its own reason and side, replaces its own kinds a few at a time,
// and leaves the others alone. What found no place is counted.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "natd/observe/event_subscriber.h"
#include "translation/base/random.h"
#include "translation/base/siphash.h"
#include "translation/trace/explanation.h"

namespace nat {

class DropLog : public EventSubscriber {
 public:
  static constexpr Duration kMemory = std::chrono::minutes(1);
  static constexpr std::size_t kMostKinds = 512;
  static constexpr std::size_t kMostOfClass = 64;   // of one reason and side
  static constexpr std::size_t kMostOctets = 2048;  // of a packet that is kept to be asked about again
  static constexpr std::size_t kMostEnded = 1024;

  struct Kind {
    std::uint64_t number = 0;          // never used twice
    DropEvent drop;                    // the last
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

  // Those of the last minute, the latest first. This and what follows is for any thread.
  std::vector<Kind> kinds(TimePoint now);
  // Nothing when there is none, or none any more.
  std::optional<Kind> find(std::uint64_t number, TimePoint now);
  // The latest kind between those endpoints, whatever its reason.
  std::optional<Kind> find(const Probe& probe, TimePoint now);
  // Refused packets of the last minute that are in no kind.
  std::uint64_t unlisted(TimePoint now) const;

  // The mapping that had this endpoint last, on either side of it.
  std::optional<Ended> ended(Protocol protocol, Endpoint endpoint) const;
  // Adds what is known about the endpoints of a packet that found no mapping.
  void add_history(Explanation& explanation, Protocol protocol, Realm in, Endpoint source,
                   Endpoint destination, TimePoint now) const;

  // --- EventSubscriber
  void changed(const Event& event) override;
  void dropped(const DropEvent& drop, const TracedDrop* traced) override;
  void missed(std::uint64_t changes, std::uint64_t drops) override;

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
  };
  using Kinds = std::unordered_map<Key, Kind, KeyHash>;

  static Key key_of(const DropEvent& drop);
  Class& class_of(const Key& key);
  void evict(const Key& key, TimePoint now);
  void forget(Kinds::iterator kind);
  void forget_old(TimePoint now);
  void count_unlisted(TimePoint now, std::uint64_t packets);
  const Ended* find_ended(Protocol protocol, Endpoint endpoint) const;
  void put_history(Explanation& explanation, Protocol protocol, Realm in, Endpoint source,
                   Endpoint destination, TimePoint now) const;

  mutable std::mutex mutex_;  // guards what follows
  HashSecret secret_;
  Kinds kinds_{16, KeyHash{secret_}};
  std::array<Class, 2 * kReasonCount> classes_;
  std::uint64_t next_number_ = 1;
  struct Unlisted {
    std::int64_t second = -1;
    std::uint64_t packets = 0;
  };
  std::array<Unlisted, 60> unlisted_;
  TimePoint last_{};         // of what was heard
  std::deque<Ended> ended_;  // the oldest first
};

}  // namespace nat
