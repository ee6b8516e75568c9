// The four places where a packet stops for natd, and how the engine's verdict reads in each: pure, so that it
// is tested without a kernel.
//
//   inbound   before routing, from the external interface: the destination changes
//   hairpin   before routing, from the internal interface to one of our external addresses: the destination
//   changes;
//             the source address is put back, and the rules set it after routing, so that routing meets an
//             internal source on the internal interface as it should
//   outbound  after routing, from the internal interface to the external one: the source changes
//   own       ICMP that the gateway made itself, on its way to the external interface
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "natd/datapath/backend.h"
#include "natd/datapath/nfqueue/queue.h"
#include "translation/engine.h"
#include "translation/net/address_index.h"

namespace nat {

enum class HookPoint : std::uint8_t { inbound, hairpin, outbound, own };

// The links, ready to be asked about each packet.
struct HookLinks : Links {
  explicit HookLinks(Links links) : Links(std::move(links)), places(external_addresses) {}

  AddressIndex places;  // in external_addresses
};

// Nothing for a packet from an interface that is neither ours: it is dropped, and counted in QueueDrops.
std::optional<HookPoint> hook_point_of(const QueuedPacket& packet, const Links& links);

constexpr Realm realm_of(HookPoint hook_point) {
  return hook_point == HookPoint::inbound ? Realm::external : Realm::internal;
}

// Whether the kernel has routed the packet, and counted the hop, before natd sees it.
constexpr bool routed(HookPoint hook_point) {
  return hook_point == HookPoint::outbound || hook_point == HookPoint::own;
}

// The verdict for the kernel. `octets` are the packet's after the engine had it, `mark` the mark it came
// with; the verdict must not be `hold`.
QueueVerdict queue_verdict(HookPoint hook_point, const Verdict& verdict, std::span<std::uint8_t> octets,
                           std::uint32_t mark, const HookLinks& links);

// Packets dropped without a reason of the engine's, as the links or the rules were others when they were
// queued. Any thread.
struct QueueDrops {
  std::atomic<std::uint64_t> unknown_interface{0};  // no hook point was theirs
  std::atomic<std::uint64_t> undeliverable{0};      // the engine let them go, and their hook point could not

  // `queued`, which queue_verdict() made of `verdict`.
  QueueVerdict counted(const Verdict& verdict, const QueueVerdict& queued);
};

// Where a held packet waits, as one number for Packet::token.
struct HeldPacket {
  std::uint32_t id = 0;
  std::uint8_t queue = 0;  // index among the backend's queues
  HookPoint hook_point = HookPoint::inbound;
  std::uint16_t operator_mark = 0;  // the lower half of its mark

  std::uint64_t token() const {
    return std::uint64_t{id} | std::uint64_t{queue} << 32 |
           std::uint64_t{static_cast<std::uint8_t>(hook_point)} << 40 | std::uint64_t{operator_mark} << 48;
  }
  static HeldPacket of(std::uint64_t token) {
    return {static_cast<std::uint32_t>(token), static_cast<std::uint8_t>(token >> 32),
            static_cast<HookPoint>(static_cast<std::uint8_t>(token >> 40)),
            static_cast<std::uint16_t>(token >> 48)};
  }
};

}  // namespace nat
