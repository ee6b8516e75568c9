#include "natd/datapath/nfqueue/worker.h"

#include <array>
#include <cerrno>
#include <system_error>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "translation/net/wire.h"

namespace nat {

void send_answer(int socket, std::span<const std::uint8_t> octets) noexcept {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(load32(&octets[ip::kDestination]));
  sendto(socket, octets.data(), octets.size(), MSG_DONTWAIT, reinterpret_cast<const sockaddr*>(&to),
         sizeof to);
}

Worker::Worker(std::uint8_t index, Queue& queue, SharedEngine& engine, Backend& backend,
               const SharedLinks& links, QueueDrops& drops, int answers)
    : index_(index),
      queue_(queue),
      engine_(engine),
      backend_(backend),
      links_(links),
      drops_(drops),
      answers_(answers),
      stop_(eventfd(0, EFD_CLOEXEC)) {
  if (stop_.get() < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  thread_ = std::thread([this] { run(); });
}

Worker::~Worker() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(stop_.get(), &one, sizeof one);
  thread_.join();
}

void Worker::run() {
  std::array<pollfd, 2> waiting = {{{queue_.descriptor(), POLLIN, 0}, {stop_.get(), POLLIN, 0}}};
  while (poll(waiting.data(), waiting.size(), -1) >= 0 || errno == EINTR) {
    if (waiting[1].revents != 0) return;
    // A full batch means that more may wait, but a stop must not wait behind a flood.
    const auto batch = queue_.receive();
    if (batch.empty()) continue;
    translate(batch);
    queue_.flush();
  }
}

void Worker::translate(std::span<const QueuedPacket> batch) {
  const std::shared_ptr<const HookLinks> links = links_.load(std::memory_order_acquire);
  std::array<Packet, Queue::kBatch> packets;
  std::array<Realm, Queue::kBatch> realms;
  std::array<HookPoint, Queue::kBatch> hook_points;
  std::array<std::size_t, Queue::kBatch> places;  // in the batch
  std::size_t count = 0;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const std::optional<HookPoint> hook_point = hook_point_of(batch[i], *links);
    if (!hook_point) {
      ++drops_.unknown_interface;
      queue_.decide(i, QueueVerdict{});
      continue;
    }
    const HeldPacket held{batch[i].id, index_, *hook_point, static_cast<std::uint16_t>(batch[i].mark)};
    packets[count] = {.octets = batch[i].octets,
                      .from_gateway = *hook_point == HookPoint::own,
                      .hop_counted = routed(*hook_point),
                      .token = held.token()};
    realms[count] = realm_of(*hook_point);
    hook_points[count] = *hook_point;
    places[count++] = i;
  }

  const auto engine = engine_.lock(LockPurpose::packets);
  engine->prefetch({packets.data(), count}, {realms.data(), count});
  Released released;
  for (std::size_t i = 0; i < count; ++i) {
    const Verdict verdict = engine->translate(packets[i], realms[i], engine.now());
    if (!verdict.reply.empty()) send_answer(answers_, verdict.reply);
    if (verdict.action() != Action::hold) {
      const QueuedPacket& packet = batch[places[i]];
      queue_.decide(places[i], drops_.counted(verdict, queue_verdict(hook_points[i], verdict, packet.octets,
                                                                     packet.mark, *links)));
    }
    while (engine->take_released(released)) release(released, *links);
  }
}

// Behind the verdicts that are noted, so that a first fragment leaves before those that waited for it. All
// fragments of a datagram come to one queue: the kernel chooses it by their addresses.
void Worker::release(const Released& released, const HookLinks& links) {
  const HeldPacket held = HeldPacket::of(released.token);
  if (held.queue != index_) return backend_.release(released);
  const QueueVerdict verdict =
      queue_verdict(held.hook_point, released.verdict, released.octets, held.operator_mark, links);
  queue_.decide_held(held.id, drops_.counted(released.verdict, verdict), released.octets);
}

}  // namespace nat
