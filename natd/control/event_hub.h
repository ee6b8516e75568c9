// Where the engine's events wait for those who watch, in memory that is there already; while no client
// watches, none waits.
//
// Refused packets are counted by what they have in common. The first of a kind is sent soon, those that
// follow are one event with a number for each interval, for as long as the flood goes on. What does not fit
// is counted as lost.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

#include "natd/observe/event_subscriber.h"
#include "translation/base/siphash.h"
#include "translation/state/view.h"

namespace nat {

struct MappingEvent {
  MappingView mapping;
  bool created = false;
  RemovalCause cause = RemovalCause::expired;  // of one that was removed
  TimePoint at;
};

// Packets refused for one reason between the same endpoints.
struct RefusalEvent {
  DropEvent refusal;  // the first of them
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  TimePoint at;           // of the last
  bool repeated = false;  // the kind was sent before, and these came in the interval since
};

class EventHub : public EventSubscriber {
 public:
  static constexpr std::size_t kMostMappingEvents = 8192;
  static constexpr std::size_t kMostRefusalEvents = 512;

  // The secret keeps remote hosts from choosing endpoints that meet in the table of refused kinds.
  explicit EventHub(const HashSecret& secret);

  // Whether a client watches; what waits is forgotten when the last one leaves.
  void watch(bool on);

  // What happened since the last call, in its order. Returns how many were lost.
  std::uint64_t take_mappings(std::vector<MappingEvent>& events);
  // The kinds that are new since the last call; at the end of an interval, those that went on in it, too.
  // Returns how many packets found no place.
  std::uint64_t take_refusals(bool interval_ends, std::vector<RefusalEvent>& events);

  // --- EventSubscriber
  void changed(const Event& event) override;
  void dropped(const DropEvent& drop, const TracedDrop* traced) override;
  void missed(std::uint64_t changes, std::uint64_t drops) override;

 private:
  static constexpr std::size_t kSlots = 2 * kMostRefusalEvents;
  static constexpr std::uint16_t kEmpty = 0xffff;

  void add(MappingEvent event);
  std::uint16_t* find_slot(const DropEvent& refusal);

  const HashSecret secret_;
  std::atomic<bool> watched_{false};
  std::mutex mutex_;
  std::vector<MappingEvent> mappings_;
  std::uint64_t lost_mappings_ = 0;
  std::vector<RefusalEvent> refusals_;  // packets that were sent already are not in their numbers any more
  std::size_t told_ = 0;                // so many of them
  std::vector<std::uint16_t> slots_;    // a hash table over refusals_
  std::uint64_t lost_refusals_ = 0;
};

}  // namespace nat
