// One netfilter queue: packets come in batches by recvmmsg, verdicts go back in one sendmsg for the whole
// batch.
//
// Packets are seen whole and finished: without the GSO flag the kernel segments large ones and completes
// their checksums before it queues them. They stay in the buffers they came in until the next receive(), and
// a verdict carries its packet back from there; nothing is copied or allocated per packet. The exception are
// packets that were held over from an earlier batch: natd keeps their octets, the kernel keeps their place.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <sys/socket.h>
#include <sys/uio.h>

#include "natd/system/event_loop.h"

struct nlmsghdr;

namespace nat {

struct QueuedPacket {
  std::uint32_t id = 0;
  std::uint8_t hook = 0;  // NF_INET_PRE_ROUTING and its like
  std::uint32_t mark = 0;
  std::uint32_t input_interface = 0;  // index, 0 when the gateway made it
  std::span<std::uint8_t> octets;
};

// What becomes of a queued packet.
struct QueueVerdict {
  bool accept = false;
  bool rewritten = false;  // its octets go back too
  bool marked = false;     // and `mark` becomes its mark
  std::uint32_t mark = 0;
};

class Queue {
 public:
  static constexpr unsigned kBatch = 64;

  // Binds queue `number` of this network namespace; the kernel holds at most `length` packets in it. Throws
  // std::runtime_error, when another process has the queue for example.
  Queue(std::uint16_t number, std::uint32_t length);

  std::uint16_t number() const { return number_; }
  // Readable when packets wait.
  int descriptor() const { return socket_.get(); }

  // The packets that wait, at most kBatch, valid until the next call; none when none wait.
  std::span<const QueuedPacket> receive();
  // Notes the verdict for the packet with this index in the batch; flush() sends them all, and the packets go
  // on in the order in which they were decided.
  void decide(std::size_t index, const QueueVerdict& verdict);
  // The same for a packet of an earlier batch, whose octets the caller kept; they are copied.
  void decide_held(std::uint32_t id, const QueueVerdict& verdict, std::span<const std::uint8_t> octets);
  void flush();

  // At once, and so before what is noted: for a packet of an earlier batch for which no order is to be kept.
  // Any thread.
  void decide_late(std::uint32_t id, const QueueVerdict& verdict, std::span<const std::uint8_t> octets);

  // Verdicts that the kernel did not take.
  std::uint64_t failures() const { return failures_.load(std::memory_order_relaxed); }

 private:
  // A datagram of the queue: room in front for a verdict's headers, then what the kernel sends. The odd
  // number of cache lines keeps the packets of a batch from competing for the same few of them.
  static constexpr std::size_t kHeadroom = 64;
  static constexpr std::size_t kSlot = 1043 * 64;

  void bind(std::uint32_t length);
  bool parse(nlmsghdr* message, std::size_t length, QueuedPacket& packet);
  void note(void* message, std::size_t length);
  void send_one_by_one();

  std::uint16_t number_;
  Descriptor socket_;
  std::unique_ptr<std::uint8_t[]> slots_;
  std::array<mmsghdr, kBatch> messages_{};
  std::array<iovec, kBatch> buffers_{};
  std::array<QueuedPacket, kBatch> packets_{};
  std::array<std::uint8_t*, kBatch> starts_{};  // of their slots
  std::vector<iovec> verdicts_;                 // noted
  std::size_t noted_octets_ = 0;
  std::vector<std::vector<std::uint8_t>> held_verdicts_;  // those of them that are not in slots
  std::atomic<std::uint64_t> failures_{0};
};

}  // namespace nat
