#include "natd/datapath/tun/worker.h"

#include <algorithm>
#include <array>

#include <poll.h>
#include <sys/uio.h>
#include <unistd.h>

#include "natd/observe/log.h"

namespace nat {
namespace {

// A batch ends with either. The octets stay well inside a core's cache: they are copied in and out.
constexpr std::size_t kBatchPackets = 64;
constexpr std::size_t kBatchOctets = 256 << 10;

// Frames begin so that the IP header behind the virtio header is aligned, in a cache line of its own.
constexpr std::size_t kLine = 64;
constexpr std::size_t kPad = 16 - kFrameHeader;
constexpr std::size_t kArena = kBatchOctets + kBatchPackets * (kLine + kPad) + kLargestFrame;

void count(std::atomic<std::uint64_t>& counter, std::uint64_t number = 1) {
  counter.fetch_add(number, std::memory_order_relaxed);
}

// A packet that has no frame around it, its beginning and its rest apart.
void write_plain(int queue, std::span<const std::uint8_t> packet, std::span<const std::uint8_t> rest,
                 TunCounters& counters) {
  const auto part = [](std::span<const std::uint8_t> octets) {
    return iovec{const_cast<std::uint8_t*>(octets.data()), octets.size()};
  };
  const std::array<iovec, 3> parts{part(kPlainHeader), part(packet), part(rest)};
  count(writev(queue, parts.data(), parts.size()) > 0 ? counters.written : counters.write_errors);
}

}  // namespace

void write_own(int queue, std::span<const std::uint8_t> packet, TunCounters& counters) {
  std::array<std::uint8_t, ip::kMinimumHeader> header;
  std::copy_n(packet.begin(), header.size(), header.begin());
  give_back_hop(header);
  write_plain(queue, header, packet.subspan(header.size()), counters);
}

void write_released(const TunQueues& queues, const Released& released, TunCounters& counters) {
  const Action action = released.verdict.action();
  if (action != Action::forward && action != Action::pass) return;
  give_back_hop(released.octets);
  const bool crosses = action == Action::forward || released.verdict.reason == Reason::exempt;
  const int queue = crosses ? queues.of(released.verdict.out) : queues.of(static_cast<Realm>(released.token));
  write_plain(queue, released.octets, {}, counters);
}

TunWorker::TunWorker(SharedEngine& engine, TunQueues queues, TunCounters& counters)
    : engine_(engine), queues_(queues), counters_(counters), arena_(kArena) {
  batch_.reserve(2 * kBatchPackets);
  packets_.reserve(2 * kBatchPackets);
  sides_.reserve(2 * kBatchPackets);
}

void TunWorker::run(int stop) {
  std::array<pollfd, 3> waited{
      {{stop, POLLIN, 0}, {queues_.internal, POLLIN, 0}, {queues_.external, POLLIN, 0}}};
  for (;;) {
    poll(waited.data(), waited.size(), -1);
    if (waited[0].revents != 0) return;
    for (pollfd& queue : waited) {
      if ((queue.revents & POLLERR) == 0) continue;
      log_error("a TUN device of natd was removed; natd forwards nothing until it is started again");
      queue.fd = -1;
    }
    batch_.clear();
    used_ = written_ = 0;
    if ((waited[1].revents & POLLIN) != 0) collect(queues_.internal, Realm::internal, kBatchPackets / 2);
    if ((waited[2].revents & POLLIN) != 0) collect(queues_.external, Realm::external, kBatchPackets);
    if (batch_.empty()) continue;
    translate();
    write_until(batch_.size());
  }
}

// Until the batch has `limit` packets, or the side's share of octets, or there are no more.
void TunWorker::collect(int queue, Realm in, std::size_t limit) {
  const std::size_t octets = in == Realm::internal ? kBatchOctets / 2 : kBatchOctets;
  while (batch_.size() < limit && used_ < octets) {
    std::uint8_t* const begin = arena_.data() + used_ + kPad;
    const ssize_t length = read(queue, begin, kLargestFrame);
    if (length <= static_cast<ssize_t>(kFrameHeader)) break;
    batch_.push_back({.frame = {{begin, static_cast<std::size_t>(length)}}, .in = in});
    used_ = (used_ + kPad + static_cast<std::size_t>(length) + kLine - 1) / kLine * kLine;
  }
}

void TunWorker::translate() {
  count(counters_.read, batch_.size());
  const auto engine = engine_.lock(LockPurpose::packets);
  packets_.clear();
  sides_.clear();
  for (const Slot& slot : batch_) {
    packets_.push_back(packet_of(slot, *engine));
    sides_.push_back(packets_.back().from_gateway ? Realm::internal : slot.in);
  }
  engine->prefetch(packets_, sides_);
  for (std::size_t number = 0; number < batch_.size(); ++number) translate_one(*engine, number, engine.now());
}

void TunWorker::translate_one(Engine& engine, std::size_t number, TimePoint now) {
  Slot& slot = batch_[number];
  const Verdict verdict = engine.translate(packets_[number], sides_[number], now);
  if (verdict.action() == Action::forward) slot.out = queues_.of(verdict.out);
  // What is exempt goes on to the other side, as it is; what else passes goes back to the kernel.
  if (verdict.action() == Action::pass) {
    slot.out = queues_.of(verdict.reason == Reason::exempt ? verdict.out : slot.in);
  }
  if (!verdict.reply.empty()) write_own(queues_.of(slot.in), verdict.reply, counters_);
  Released released;
  while (engine.take_released(released)) {
    write_until(number + 1);  // the first fragment goes before the ones that waited for it
    write_released(queues_, released, counters_);
  }
}

// The kernel leads two kinds of packets to the external device: those from outside to an external address,
// and the gateway's own ICMP to anywhere else (routing.h).
Packet TunWorker::packet_of(const Slot& slot, const Engine& engine) const {
  Packet packet;
  packet.octets = slot.frame.packet();
  packet.checksum = slot.frame.checksum();
  packet.hop_counted = true;  // on its way to the device
  packet.token = static_cast<std::uint64_t>(slot.in);
  packet.from_gateway = slot.in == Realm::external && packet.octets.size() >= ip::kMinimumHeader &&
                        packet.octets[ip::kProtocol] == static_cast<std::uint8_t>(Protocol::icmp) &&
                        !engine.is_external(Address(load32(&packet.octets[ip::kDestination])));
  return packet;
}

void TunWorker::write_until(std::size_t end) {
  for (; written_ < end; ++written_) {
    const Slot& slot = batch_[written_];
    if (slot.out < 0) continue;
    give_back_hop(slot.frame.packet());
    const auto octets = slot.frame.octets;
    count(write(slot.out, octets.data(), octets.size()) > 0 ? counters_.written : counters_.write_errors);
  }
}

}  // namespace nat
