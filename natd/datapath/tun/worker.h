// One thread of the TUN datapath: reads packets from a queue of either device, has the engine translate them
// under one hold of its lock, and writes them. Both directions of a connection come to the same worker,
// because the kernel notes which queue a flow was written to.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "natd/datapath/tun/frame.h"
#include "natd/engine/shared_engine.h"

namespace nat {

struct TunCounters {
  std::atomic<std::uint64_t> read{0};
  std::atomic<std::uint64_t> written{0};
  std::atomic<std::uint64_t> write_errors{0};
};

// One queue of each device.
struct TunQueues {
  int internal = -1;
  int external = -1;
  int of(Realm realm) const { return realm == Realm::internal ? internal : external; }
};

// Writes a packet of natd's own making, such as an ICMP error, with a time to live for the hop that the
// kernel is going to count: it is the gateway's, and leaves it as it was made. Any thread.
void write_own(int queue, std::span<const std::uint8_t> packet, TunCounters& counters);

// A held packet goes on by the queue it belongs to, or is dropped.
void write_released(const TunQueues& queues, const Released& released, TunCounters& counters);

class TunWorker {
 public:
  TunWorker(SharedEngine& engine, TunQueues queues, TunCounters& counters);

  // Until `stop` is readable.
  void run(int stop);

 private:
  struct Slot {
    Frame frame;
    Realm in = Realm::internal;
    int out = -1;  // the queue to write to, -1 for none
  };

  void collect(int queue, Realm in, std::size_t limit);
  void translate();
  void translate_one(Engine& engine, std::size_t number, TimePoint now);
  Packet packet_of(const Slot& slot, const Engine& engine) const;
  void write_until(std::size_t end);

  SharedEngine& engine_;
  const TunQueues queues_;
  TunCounters& counters_;
  std::vector<std::uint8_t> arena_;
  std::size_t used_ = 0;
  std::vector<Slot> batch_;
  std::vector<Packet> packets_;  // of the batch, as the engine sees them
  std::vector<Realm> sides_;
  std::size_t written_ = 0;  // slots of the batch that are done
};

}  // namespace nat
