// The engine as the daemon shares it: one engine, one lock, one clock.
//
// Every datapath thread takes the lock once for a batch of packets. Reading and writing packets costs the
// kernel microseconds each and stays outside; the engine needs a fraction of one, so the lock is short and
// endpoint-independent mappings, hairpinning and quotas stay exact however packets are spread over threads.
#pragma once

#include <memory>
#include <mutex>

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
    Access(std::mutex& mutex, Engine& engine) : lock_(mutex), engine_(engine) {}
    Engine* operator->() const { return &engine_; }
    Engine& operator*() const { return engine_; }

   private:
    std::unique_lock<std::mutex> lock_;
    Engine& engine_;
  };
  Access engine() { return Access(mutex_, engine_); }

  // Expires in steps of bounded size, releasing the lock between them, and hands fragments that were let go
  // to the datapath. Returns when to come back.
  TimePoint expire(Backend& backend);

 private:
  std::mutex mutex_;
  Engine engine_;
};

}  // namespace nat
