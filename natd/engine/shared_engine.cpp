#include "natd/engine/shared_engine.h"

#include <array>
#include <thread>
#include <utility>

#include "natd/system/clock.h"

namespace nat {
namespace {

// Records handled under one hold of the lock.
constexpr unsigned kExpiryBudget = 256;
// Holds in one call, so that the daemon's other duties get their turn when very much is due.
constexpr int kExpirySteps = 64;
// Long enough for a datapath thread that waits for the lock to wake up and take it: a mutex favours who comes
// back at once.
constexpr std::chrono::microseconds kYield{60};
// Events copied under one hold, and so many times in one call.
constexpr std::size_t kBatch = 256;
constexpr std::size_t kMostBatches = 4 * Events::kKept / kBatch;

}  // namespace

struct SharedEngine::Batch {
  std::array<Event, kBatch> changes;
  std::array<DropEvent, kBatch> drops;
  std::size_t change_count = 0, drop_count = 0;
  std::uint64_t missed_changes = 0, missed_drops = 0;
  std::vector<TracedDrop> traced;  // of the drops that were, in their order
};

SharedEngine::SharedEngine(Policy policy, Random& random, LocalSockets* sockets)
    : engine_(std::move(policy), random, sockets, monotonic_now()) {}

SharedEngine::Lock::Lock(SharedEngine& engine, LockPurpose purpose)
    : engine_(engine), lock_(engine.mutex_), purpose_(purpose), taken_(monotonic_nanoseconds()) {}

SharedEngine::Lock::~Lock() {
  const bool waits = !engine_.engine_.events().changes().at_end(engine_.changes_) && engine_.when_changed_;
  engine_.holds_[static_cast<std::size_t>(purpose_)].add(monotonic_nanoseconds() - taken_);
  lock_.unlock();
  if (waits && !engine_.announced_.exchange(true)) engine_.when_changed_();
}

TimePoint SharedEngine::expire(PacketOutput& output) {
  TimePoint next{};
  for (int step = 0; step < kExpirySteps; ++step) {
    if (step > 0) std::this_thread::sleep_for(kYield);
    const auto engine = lock(LockPurpose::expiry);
    next = engine->expire(engine.now(), kExpiryBudget);
    Released released;
    while (engine->take_released(released)) output.release(released);
    GeneratedPacket generated;
    while (engine->take_generated(generated)) output.send(generated);
    if (next > engine.now()) break;
  }
  return next;
}

void SharedEngine::subscribe(EventSubscriber& subscriber) {
  deliver();  // what happened before is not for it
  const std::lock_guard delivery(delivery_);
  subscribers_.push_back(&subscriber);
}

void SharedEngine::unsubscribe(EventSubscriber& subscriber) {
  const std::lock_guard delivery(delivery_);
  std::erase(subscribers_, &subscriber);
}

// Whether there was anything.
bool SharedEngine::read_events(Batch& batch) {
  batch.missed_changes = batch.missed_drops = 0;
  batch.traced.clear();
  const auto engine = lock();
  const Events& events = engine->events();
  batch.change_count = events.changes().read(changes_, batch.changes, batch.missed_changes);
  batch.drop_count = events.drops().read(drops_, batch.drops, batch.missed_drops);
  for (std::size_t i = 0; i < batch.drop_count; ++i) {
    if (!batch.drops[i].traced) continue;
    const TracedDrop* const traced = engine->traced_drop(batch.drops[i].number);
    if (traced != nullptr) batch.traced.push_back(*traced);
  }
  return batch.change_count + batch.drop_count > 0;
}

void SharedEngine::deliver() {
  const std::lock_guard delivery(delivery_);
  announced_.store(false);
  Batch batch;
  for (std::size_t i = 0; i < kMostBatches && read_events(batch); ++i) {
    for (EventSubscriber* const subscriber : subscribers_) {
      if (batch.missed_changes + batch.missed_drops > 0) {
        subscriber->missed(batch.missed_changes, batch.missed_drops);
      }
      for (std::size_t n = 0; n < batch.change_count; ++n) subscriber->changed(batch.changes[n]);
      std::size_t next = 0;
      for (std::size_t n = 0; n < batch.drop_count; ++n) {
        const bool traced = next < batch.traced.size() && batch.traced[next].number == batch.drops[n].number;
        subscriber->dropped(batch.drops[n], traced ? &batch.traced[next++] : nullptr);
      }
    }
  }
}

}  // namespace nat
