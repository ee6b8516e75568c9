#include "natd/gateway.h"

#include <thread>
#include <utility>

#include <time.h>

namespace nat {
namespace {

// Records handled under one hold of the lock.
constexpr unsigned kExpiryBudget = 256;
// Holds in one call, so that the daemon's other duties get their turn when very much is due.
constexpr int kExpirySteps = 64;
// Long enough for a datapath thread that waits for the lock to wake up and take it: a mutex favours who comes
// back at once.
constexpr std::chrono::microseconds kBreath{60};

}  // namespace

Gateway::Gateway(Policy policy, Random& random, Host* host)
    : audience_(random), engine_(std::move(policy), random, host, now()) {
  engine_.observe(&audience_);
}

TimePoint Gateway::now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return TimePoint(std::chrono::duration_cast<Duration>(std::chrono::seconds(time.tv_sec) +
                                                        std::chrono::nanoseconds(time.tv_nsec)));
}

void Gateway::observe(Observer& observer) {
  const auto engine = this->engine();
  audience_.observers.push_back(&observer);
}

void Gateway::forget(Observer& observer) {
  const auto engine = this->engine();
  std::erase(audience_.observers, &observer);
}

void Gateway::Audience::block_changed(const BlockView& block, bool given, TimePoint now) {
  for (Observer* const observer : observers) observer->block_changed(block, given, now);
}

void Gateway::Audience::mapping_created(const MappingView& mapping, TimePoint now) {
  for (Observer* const observer : observers) observer->mapping_created(mapping, now);
}

void Gateway::Audience::mapping_removed(const MappingView& mapping, RemovalCause cause, TimePoint now) {
  chronicle.mapping_removed(mapping, cause, now);
  for (Observer* const observer : observers) observer->mapping_removed(mapping, cause, now);
}

void Gateway::Audience::refused(const Refusal& refusal, TimePoint now) {
  chronicle.refused(refusal, now);
  for (Observer* const observer : observers) observer->refused(refusal, now);
}

TimePoint Gateway::expire(Backend& backend) {
  TimePoint next{};
  for (int step = 0; step < kExpirySteps; ++step) {
    if (step > 0) std::this_thread::sleep_for(kBreath);
    const auto engine = this->engine();
    const TimePoint time = now();
    next = engine->expire(time, kExpiryBudget);
    Released released;
    while (engine->take_released(released)) backend.release(released);
    OwnPacket own;
    while (engine->take_own(own)) backend.send(own);
    if (next > time) break;
  }
  return next;
}

}  // namespace nat
