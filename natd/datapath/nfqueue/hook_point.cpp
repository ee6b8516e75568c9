#include "natd/datapath/nfqueue/hook_point.h"

#include <linux/netfilter.h>

#include "natd/datapath/nfqueue/rules.h"
#include "translation/net/checksum.h"
#include "translation/net/wire.h"

namespace nat {
namespace {

constexpr std::uint32_t with_mark(std::uint32_t mark, std::uint32_t ours) {
  return (mark & ~kMarkMask) | ours;
}

// Where the transport checksum is that covers the source address; null where there is none: in ICMP, in later
// fragments, and in UDP without a checksum.
std::uint8_t* checksum_over_addresses(std::span<std::uint8_t> octets) {
  const std::size_t header = (octets[0] & 0xfU) * std::size_t{4};
  if ((load16(&octets[ip::kFragment]) & ip::kOffsetMask) != 0) return nullptr;
  const std::uint8_t protocol = octets[ip::kProtocol];
  std::size_t at = 0;
  if (protocol == static_cast<std::uint8_t>(Protocol::tcp)) {
    at = header + tcp::kChecksum;
  } else if (protocol == static_cast<std::uint8_t>(Protocol::udp)) {
    at = header + udp::kChecksum;
    if (at + 2 <= octets.size() && load16(&octets[at]) == 0) return nullptr;
  } else {
    return nullptr;
  }
  return at + 2 <= octets.size() ? &octets[at] : nullptr;
}

// The inverse of what the rule `ip saddr set` will do: header and transport checksum follow.
void put_source(std::span<std::uint8_t> octets, Address address) {
  std::uint8_t* source = &octets[ip::kSource];
  ChecksumDelta delta;
  delta.change32(load32(source), address.value());
  store32(source, address.value());
  store16(&octets[ip::kChecksum], delta.apply(load16(&octets[ip::kChecksum])));
  std::uint8_t* transport = checksum_over_addresses(octets);
  if (transport == nullptr) return;
  std::uint16_t sum = delta.apply(load16(transport));
  // Zero would say that there is no checksum (RFC 768).
  if (sum == 0 && octets[ip::kProtocol] == static_cast<std::uint8_t>(Protocol::udp)) sum = 0xffff;
  store16(transport, sum);
}

QueueVerdict hairpin_verdict(const Verdict& verdict, std::span<std::uint8_t> octets, std::uint32_t mark,
                             const HookLinks& links) {
  const Address external(load32(&octets[ip::kSource]));
  // A laboratory may have the receiver see the sender's own address: nothing is left to be done.
  if (external == verdict.hairpin_source) {
    return {.accept = true, .rewritten = true, .marked = true, .mark = with_mark(mark, kMarkInbound)};
  }
  const auto place = links.places.place_of(external);
  if (!place || *place >= kMostAddresses) return {};
  put_source(octets, verdict.hairpin_source);
  return {.accept = true, .rewritten = true, .marked = true, .mark = with_mark(mark, hairpin_mark(*place))};
}

// Whether the packet is no mapping's, so that it may be another NAT's.
bool unclaimed(Reason reason) {
  switch (reason) {
    case Reason::no_mapping:
    case Reason::unsolicited_syn:
    case Reason::filtered_by_address:
    case Reason::filtered_by_port:
    case Reason::tcp_no_session:
    case Reason::echo_no_session:
    case Reason::icmp_no_session:
    case Reason::fragment_of_refused:
      return true;
    default:
      return false;
  }
}

}  // namespace

std::optional<HookPoint> hook_point_of(const QueuedPacket& packet, const Links& links) {
  switch (packet.hook) {
    case NF_INET_PRE_ROUTING:
      if (packet.input_interface == links.external_index) return HookPoint::inbound;
      if (packet.input_interface == links.internal_index) return HookPoint::hairpin;
      return std::nullopt;
    case NF_INET_POST_ROUTING:
      return HookPoint::outbound;
    case NF_INET_LOCAL_OUT:
      return HookPoint::own;
    default:
      return std::nullopt;
  }
}

QueueVerdict queue_verdict(HookPoint hook_point, const Verdict& verdict, std::span<std::uint8_t> octets,
                           std::uint32_t mark, const HookLinks& links) {
  switch (verdict.action()) {
    case Action::pass:
      // Nothing leaves untranslated for any other reason.
      return {.accept = hook_point != HookPoint::outbound || verdict.reason == Reason::exempt};
    case Action::forward:
      break;
    default:
      if (hook_point != HookPoint::inbound || !unclaimed(verdict.reason)) return {};
      return {.accept = true, .marked = true, .mark = with_mark(mark, kMarkUnclaimed)};
  }
  switch (hook_point) {
    case HookPoint::inbound:
      if (verdict.out != Realm::internal) return {};
      // The answer to the gateway's own ping goes no further, and the gateway's connection tracking knows it.
      if (links.places.contains(Address(load32(&octets[ip::kDestination]))))
        return {.accept = true, .rewritten = true};
      return {.accept = true, .rewritten = true, .marked = true, .mark = with_mark(mark, kMarkInbound)};
    case HookPoint::hairpin:
      if (verdict.out != Realm::internal) return {};
      return hairpin_verdict(verdict, octets, mark, links);
    case HookPoint::outbound:
      if (verdict.out != Realm::external) return {};
      return {.accept = true, .rewritten = true};
    case HookPoint::own:
      return {.accept = true, .rewritten = true};
  }
  return {};
}

QueueVerdict QueueDrops::counted(const Verdict& verdict, const QueueVerdict& queued) {
  const Action action = verdict.action();
  if (!queued.accept && (action == Action::forward || action == Action::pass)) ++undeliverable;
  return queued;
}

}  // namespace nat
