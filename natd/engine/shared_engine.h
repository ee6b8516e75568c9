// The engine as the daemon shares it: one engine, one lock, one clock.
//
// Every datapath thread takes the lock once for a batch of packets. Reading and writing packets costs the
// kernel microseconds each and stays outside; the engine needs a fraction of one, so the lock is short and
// endpoint-independent mappings, hairpinning and quotas stay exact however packets are spread over threads.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <vector>

#include "natd/engine/lock_holds.h"
#include "natd/observe/drop_log.h"
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
    // What the engine told of late.
    DropLog& drop_log() const { return engine_.subscribers_.drop_log; }
    // By index of the purpose; without this hold.
    const LockHoldsByPurpose& holds() const { return engine_.holds_; }

   private:
    SharedEngine& engine_;
    const std::lock_guard<std::mutex> lock_;
    const LockPurpose purpose_;
    const std::chrono::nanoseconds taken_;  // as monotonic_nanoseconds() has it
  };
  Lock lock(LockPurpose purpose = LockPurpose::control) { return {*this, purpose}; }

  // Who hears what the engine tells, with its lock held; any number of them. An observer must outlive the
  // engine, or be forgotten before.
  void observe(Observer& observer);
  void forget(Observer& observer);

  // Expires in steps of bounded size, releasing the lock between them, and hands fragments that were let go
  // and packets of natd's own to the datapath. Returns when to come back.
  TimePoint expire(PacketOutput& output);

 private:
  // Passes on what one engine tells to all.
  class Subscribers : public Observer {
   public:
    explicit Subscribers(Random& random) : drop_log(random) {}
    void block_changed(const BlockView& block, bool given, TimePoint now) override;
    void mapping_created(const MappingView& mapping, TimePoint now) override;
    void mapping_removed(const MappingView& mapping, RemovalCause cause, TimePoint now) override;
    void refused(const Refusal& refusal, TimePoint now) override;
    bool wants_trace(const Refusal& refusal) override { return drop_log.wants_trace(refusal); }
    void explained(const Refusal& refusal, const Explanation& explanation, TimePoint now) override {
      drop_log.explained(refusal, explanation, now);
    }
    DropLog drop_log;
    std::vector<Observer*> observers;
  };

  std::mutex mutex_;
  LockHoldsByPurpose holds_{};
  Subscribers subscribers_;
  Engine engine_;
};

}  // namespace nat
