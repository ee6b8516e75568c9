// One thread with one queue: reads a batch, takes the engine once for all of it, and sends the verdicts back.
#pragma once

#include <atomic>
#include <memory>
#include <thread>

#include "natd/datapath/backend.h"
#include "natd/datapath/nfqueue/hook_point.h"
#include "natd/datapath/nfqueue/queue.h"
#include "natd/engine/shared_engine.h"
#include "natd/system/event_loop.h"

namespace nat {

// The links as the main thread last saw them; threads take the whole value, never a part of it.
using SharedLinks = std::atomic<std::shared_ptr<const HookLinks>>;

// Sends a whole packet of natd's own by a raw socket. One that cannot be sent is one that is lost: ICMP
// promises nothing. Any thread.
void send_answer(int socket, std::span<const std::uint8_t> octets) noexcept;

class Worker {
 public:
  // `backend` finishes held packets of other queues (Backend::release), `answers` is a raw socket for ICMP
  // errors, `drops` counts for all queues. All references outlive the worker. The thread runs until the
  // worker is destroyed.
  Worker(std::uint8_t index, Queue& queue, SharedEngine& engine, Backend& backend, const SharedLinks& links,
         QueueDrops& drops, int answers);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

 private:
  void run();
  void translate(std::span<const QueuedPacket> batch);
  void release(const Released& released, const HookLinks& links);

  const std::uint8_t index_;
  Queue& queue_;
  SharedEngine& engine_;
  Backend& backend_;
  const SharedLinks& links_;
  QueueDrops& drops_;
  const int answers_;
  Descriptor stop_;
  std::thread thread_;
};

}  // namespace nat
