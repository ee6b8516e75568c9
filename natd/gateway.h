// The engine as the daemon shares it: one engine, one lock, one clock.
//
// Every datapath thread takes the lock once for a batch of packets. Reading and writing packets costs the
// kernel microseconds each and stays outside; the engine needs a fraction of one, so the lock is short and
// endpoint-independent mappings, hairpinning and quotas stay exact however packets are spread over threads.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "natd/chronicle.h"
#include "natd/io/backend.h"
#include "translation/engine.h"

namespace nat {

class Gateway {
 public:
  Gateway(Policy policy, Random& random, Host* host);

  // The monotonic clock as the engine counts it; the only clock_gettime of the datapath.
  static TimePoint now();

  // Exclusive use of the engine while the value lives. Keep it short: packets wait.
  class Access {
   public:
    explicit Access(Gateway& gateway) : lock_(gateway.mutex_), gateway_(gateway) {}
    Engine* operator->() const { return &gateway_.engine_; }
    Engine& operator*() const { return gateway_.engine_; }
    // What the engine told of late.
    Chronicle& chronicle() const { return gateway_.audience_.chronicle; }

   private:
    std::unique_lock<std::mutex> lock_;
    Gateway& gateway_;
  };
  Access engine() { return Access(*this); }

  // Who hears what the engine tells, with its lock held; any number of them. An observer must outlive the
  // gateway, or be forgotten before.
  void observe(Observer& observer);
  void forget(Observer& observer);

  // Expires in steps of bounded size, releasing the lock between them, and hands fragments that were let go
  // and packets of natd's own to the datapath. Returns when to come back.
  TimePoint expire(Backend& backend);

 private:
  // Passes on what one engine tells to all.
  class Audience : public Observer {
   public:
    explicit Audience(Random& random) : chronicle(random) {}
    void block_changed(const BlockView& block, bool given, TimePoint now) override;
    void mapping_created(const MappingView& mapping, TimePoint now) override;
    void mapping_removed(const MappingView& mapping, RemovalCause cause, TimePoint now) override;
    void refused(const Refusal& refusal, TimePoint now) override;
    bool asks_why(const Refusal& refusal) override { return chronicle.asks_why(refusal); }
    void explained(const Refusal& refusal, const Explanation& explanation, TimePoint now) override {
      chronicle.explained(refusal, explanation, now);
    }
    Chronicle chronicle;
    std::vector<Observer*> observers;
  };

  std::mutex mutex_;
  Audience audience_;
  Engine engine_;
};

}  // namespace nat
