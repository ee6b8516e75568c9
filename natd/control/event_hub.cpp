#include "natd/control/event_hub.h"

#include <algorithm>
#include <utility>

namespace nat {
namespace {

// However a flood's endpoints happen to fall, it may cost this many looks and no more.
constexpr std::size_t kMostProbes = 16;

std::size_t hash_of(const HashSecret& secret, const DropEvent& refusal) {
  return siphash13(
      secret, std::uint64_t{refusal.source.address.value()} << 32 | refusal.destination.address.value(),
      std::uint64_t{refusal.source.port} << 48 | std::uint64_t{refusal.destination.port} << 32 |
          std::uint64_t{refusal.ip_protocol} << 16 | static_cast<std::uint64_t>(refusal.reason) << 8 |
          static_cast<std::uint64_t>(refusal.in));
}

bool same_kind(const DropEvent& a, const DropEvent& b) {
  return a.reason == b.reason && a.in == b.in && a.ip_protocol == b.ip_protocol && a.source == b.source &&
         a.destination == b.destination;
}

}  // namespace

EventHub::EventHub(const HashSecret& secret) : secret_(secret), slots_(kSlots, kEmpty) {
  mappings_.reserve(kMostMappingEvents);
  refusals_.reserve(kMostRefusalEvents);
}

void EventHub::watch(bool on) {
  watched_.store(on, std::memory_order_relaxed);
  if (on) return;
  const std::lock_guard lock(mutex_);
  mappings_.clear();
  refusals_.clear();
  std::fill(slots_.begin(), slots_.end(), kEmpty);
  told_ = 0;
  lost_mappings_ = lost_refusals_ = 0;
}

std::uint64_t EventHub::take_mappings(std::vector<MappingEvent>& events) {
  events.clear();
  events.reserve(kMostMappingEvents);
  const std::lock_guard lock(mutex_);
  events.swap(mappings_);
  return std::exchange(lost_mappings_, 0);
}

std::uint64_t EventHub::take_refusals(bool interval_ends, std::vector<RefusalEvent>& events) {
  events.clear();
  events.reserve(kMostRefusalEvents);
  const std::lock_guard lock(mutex_);
  for (std::size_t i = interval_ends ? 0 : told_; i < refusals_.size(); ++i) {
    RefusalEvent& kind = refusals_[i];
    if (kind.packets == 0) continue;
    events.push_back(kind);
    kind.packets = kind.bytes = 0;
    kind.repeated = true;
  }
  if (interval_ends) {
    // Kinds that went on are kept for the next interval, the others are forgotten.
    refusals_.clear();
    std::fill(slots_.begin(), slots_.end(), kEmpty);
    for (const RefusalEvent& kind : events) {
      if (!kind.repeated) continue;
      std::uint16_t* slot = find_slot(kind.refusal);
      if (slot == nullptr) continue;
      *slot = static_cast<std::uint16_t>(refusals_.size());
      refusals_.push_back({kind.refusal, 0, 0, kind.at, true});
    }
  }
  told_ = refusals_.size();
  return std::exchange(lost_refusals_, 0);
}

void EventHub::changed(const Event& event) {
  if (!watched_.load(std::memory_order_relaxed)) return;
  const bool made = event.kind == EventKind::mapping_made;
  if (made || event.kind == EventKind::mapping_ended) add({mapping_view(event), made, event.cause, event.at});
}

void EventHub::missed(std::uint64_t changes, std::uint64_t drops) {
  if (!watched_.load(std::memory_order_relaxed)) return;
  const std::lock_guard lock(mutex_);
  lost_mappings_ += changes;
  lost_refusals_ += drops;
}

void EventHub::add(MappingEvent event) {
  const std::lock_guard lock(mutex_);
  if (mappings_.size() < kMostMappingEvents) {
    mappings_.push_back(std::move(event));
  } else {
    ++lost_mappings_;
  }
}

// Where the kind is, or an empty slot for it; null when both are out of reach.
std::uint16_t* EventHub::find_slot(const DropEvent& refusal) {
  const std::size_t first = hash_of(secret_, refusal);
  for (std::size_t probe = 0; probe < kMostProbes; ++probe) {
    std::uint16_t& slot = slots_[(first + probe) % kSlots];
    if (slot == kEmpty || same_kind(refusals_[slot].refusal, refusal)) return &slot;
  }
  return nullptr;
}

void EventHub::dropped(const DropEvent& refusal, const TracedDrop* /*traced*/) {
  if (!watched_.load(std::memory_order_relaxed)) return;
  const std::lock_guard lock(mutex_);
  std::uint16_t* slot = find_slot(refusal);
  if (slot == nullptr || (*slot == kEmpty && refusals_.size() == kMostRefusalEvents)) {
    ++lost_refusals_;
    return;
  }
  if (*slot == kEmpty) {
    *slot = static_cast<std::uint16_t>(refusals_.size());
    refusals_.push_back({refusal, 0, 0, refusal.at, false});
  }
  RefusalEvent& kind = refusals_[*slot];
  ++kind.packets;
  kind.bytes += refusal.length;
  kind.at = refusal.at;
}

}  // namespace nat
