#include "natd/engine/shared_engine.h"

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

}  // namespace

SharedEngine::SharedEngine(Policy policy, Random& random, LocalSockets* sockets)
    : subscribers_(random), engine_(std::move(policy), random, sockets, monotonic_now()) {
  engine_.observe(&subscribers_);
}

SharedEngine::Lock::Lock(SharedEngine& engine, LockPurpose purpose)
    : engine_(engine), lock_(engine.mutex_), purpose_(purpose), taken_(monotonic_nanoseconds()) {}

SharedEngine::Lock::~Lock() {
  engine_.holds_[static_cast<std::size_t>(purpose_)].add(monotonic_nanoseconds() - taken_);
}

void SharedEngine::observe(Observer& observer) {
  const auto engine = this->lock();
  subscribers_.observers.push_back(&observer);
}

void SharedEngine::forget(Observer& observer) {
  const auto engine = this->lock();
  std::erase(subscribers_.observers, &observer);
}

void SharedEngine::Subscribers::block_changed(const BlockView& block, bool given, TimePoint now) {
  for (Observer* const observer : observers) observer->block_changed(block, given, now);
}

void SharedEngine::Subscribers::mapping_created(const MappingView& mapping, TimePoint now) {
  for (Observer* const observer : observers) observer->mapping_created(mapping, now);
}

void SharedEngine::Subscribers::mapping_removed(const MappingView& mapping, RemovalCause cause,
                                                TimePoint now) {
  drop_log.mapping_removed(mapping, cause, now);
  for (Observer* const observer : observers) observer->mapping_removed(mapping, cause, now);
}

void SharedEngine::Subscribers::refused(const Refusal& refusal, TimePoint now) {
  drop_log.refused(refusal, now);
  for (Observer* const observer : observers) observer->refused(refusal, now);
}

TimePoint SharedEngine::expire(PacketOutput& output) {
  TimePoint next{};
  for (int step = 0; step < kExpirySteps; ++step) {
    if (step > 0) std::this_thread::sleep_for(kYield);
    const auto engine = this->lock(LockPurpose::expiry);
    next = engine->expire(engine.now(), kExpiryBudget);
    Released released;
    while (engine->take_released(released)) output.release(released);
    GeneratedPacket generated;
    while (engine->take_generated(generated)) output.send(generated);
    if (next > engine.now()) break;
  }
  return next;
}

}  // namespace nat
