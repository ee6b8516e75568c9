// The engine as the daemon shares it: one engine, one lock.
//
// Every datapath thread takes the lock once for a batch of packets. Reading and writing packets costs the
// kernel microseconds each and stays outside; the engine needs a fraction of one, so the lock is short and
// endpoint-independent mappings, hairpinning and quotas stay exact however packets are spread over threads.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <vector>

#include "natd/engine/lock_holds.h"
#include "natd/observe/event_subscriber.h"
#include "translation/engine.h"

namespace nat {

// Where packets go that the engine lets go outside of translate(): a datapath.
class PacketOutput {
 public:
  virtual ~PacketOutput() = default;
  // A held packet goes on or is dropped. Called from any thread, with the engine's lock held.
  virtual void release(const Released& released) = 0;
  // A packet of natd's own goes to its side. Called like release().
  virtual void send(const GeneratedPacket& packet) noexcept = 0;
};

class SharedEngine {
 public:
  SharedEngine(Policy policy, Random& random, LocalSockets* sockets);

  // Exclusive use of the engine while the value lives. Keep it short: packets wait. How long it was held is
  // measured.
  class Lock {
   public:
    Lock(SharedEngine& engine, LockPurpose purpose);
    ~Lock();
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;
    Engine* operator->() const { return &engine_.engine_; }
    Engine& operator*() const { return engine_.engine_; }
    // When the lock was taken: never before what the engine has seen, whoever held it. For every call of the
    // engine that wants the time.
    TimePoint now() const { return TimePoint(std::chrono::duration_cast<Duration>(taken_)); }
    // By index of the purpose; without this hold.
    const LockHoldsByPurpose& holds() const { return engine_.holds_; }

   private:
    SharedEngine& engine_;
    std::unique_lock<std::mutex> lock_;
    const LockPurpose purpose_;
    const std::chrono::nanoseconds taken_;  // as monotonic_nanoseconds() has it
  };
  Lock lock(LockPurpose purpose = LockPurpose::control) { return {*this, purpose}; }

  // Expires in steps of bounded size, releasing the lock between them, and hands fragments that were let go
  // and packets of natd's own to the datapath. Returns when to come back.
  TimePoint expire(PacketOutput& output);

  // --- Events

  // A subscriber hears what happens from now on. It must outlive the engine, or unsubscribe before.
  void subscribe(EventSubscriber& subscriber);
  // Afterwards it hears nothing more.
  void unsubscribe(EventSubscriber& subscriber);
  // Hands out all that has happened up to now, from any thread. Not to be called with the engine's lock held.
  void deliver();
  // Called from any thread, with no lock held, when there is something new to deliver. To be set before there
  // is traffic.
  void when_changed(std::function<void()> call) { when_changed_ = std::move(call); }

 private:
  struct Batch;
  bool read_events(Batch& batch);

  std::mutex mutex_;
  LockHoldsByPurpose holds_{};
  Engine engine_;

  std::function<void()> when_changed_;
  std::atomic<bool> announced_{false};  // that something waits

  std::mutex delivery_;  // guards what follows
  std::vector<EventSubscriber*> subscribers_;
  RingCursor changes_, drops_;  // moved with the engine's lock held, too
};

}  // namespace nat
