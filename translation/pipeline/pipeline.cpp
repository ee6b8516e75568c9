#include "translation/pipeline/pipeline.h"

#include <algorithm>
#include <array>

#include "translation/net/rewrite.h"

namespace nat {

Pipeline::Pipeline(Policy policy, Random& random, LocalSockets* sockets, TimePoint now, EventsKept kept)
    : state_(std::move(policy), random, sockets, now, kept),
      lifecycle_(state_),
      statics_(state_, lifecycle_),
      decider_(state_, lifecycle_),
      secret_{random.next(), random.next()},
      fragments_(secret_),
      held_syns_(secret_),
      identifications_(random, {random.next(), random.next()}) {}

Verdict Pipeline::translate(const Packet& packet, Realm in, TimePoint now) {
  state_.begin_call(now);
  PacketView view;
  if (const auto reason = PacketView::parse(packet.octets, view)) {
    return finish(refuse(*reason), nullptr, packet, in);
  }
  if (const auto reason = decider_.entry(view, packet, in)) return finish(refuse(*reason), &view, packet, in);
  return finish(view.fragmented() ? run_fragment(view, packet, in) : run(view, packet, in), &view, packet,
                in);
}

Verdict Pipeline::run(const PacketView& view, const Packet& packet, Realm in) {
  const Route route = decider_.route(view, packet, in);
  switch (route.way) {
    case Route::Way::ends:
      break;
    case Route::Way::outbound:
      return outbound(view, packet);
    case Route::Way::inbound:
      return inbound(view, packet);
    case Route::Way::hairpin:
      return hairpin(view, packet);
    case Route::Way::error_inbound:
      return error_inbound(view);
    case Route::Way::error_outbound: {
      const Verdict verdict = error_outbound(view, packet.from_gateway);
      const bool own_refused = packet.from_gateway && verdict.action() == Action::drop;
      return own_refused ? refuse(decider_.own_error(view)) : verdict;
    }
  }
  return {.reason = route.reason, .out = Realm::external};
}

Verdict Pipeline::run_fragment(const PacketView& view, const Packet& packet, Realm in) {
  const Policy& policy = state_.policy;
  if (view.later_fragment()) return fragments_.later(view, packet, in, policy, state_.now);
  if (const auto reason = fragments_.first(view, in, policy, state_.now)) return refuse(*reason);
  const DatagramKey key = Fragments::key_of(view, in);
  const Verdict verdict = run(view, packet, in);
  fragments_.decide(key,
                    {.reason = verdict.reason,
                     .out = verdict.out,
                     .hairpin_source = verdict.hairpin_source,
                     .source = view.source_address(),
                     .destination = view.destination_address(),
                     .identification = view.identification()},
                    state_.now + policy.timeouts.fragment_lifetime);
  return verdict;
}

// --- What every packet needs.

void Pipeline::settle_session(std::uint32_t number) {
  const std::uint32_t mapping = state_.sessions[number].mapping;
  lifecycle_.settle(mapping);
  if (!state_.mappings[mapping].live) return;
  if (state_.expired(state_.sessions[number])) lifecycle_.retire(number);
  if (state_.mappings[mapping].live) lifecycle_.expire_sessions(mapping);
}

Duration Pipeline::opening_timeout(std::uint32_t mapping) const {
  const Mapping& m = state_.mappings[mapping];
  const Timeouts& timeouts = state_.profile_of(m).timeouts;
  return m.protocol == Protocol::udp   ? timeouts.udp
         : m.protocol == Protocol::tcp ? timeouts.tcp_opening
                                       : timeouts.icmp;
}

void Pipeline::touch(std::uint32_t number, const PacketView& view, Direction direction) {
  Session& session = state_.sessions[number];
  const bool outbound = direction == Direction::outbound;
  (outbound ? session.sent_bytes : session.received_bytes) += view.total_length();
  if (!session.live) return;  // a dormant one, passed through
  if (session.protocol == Protocol::tcp) return touch_tcp(number, view, direction);
  const Timeouts& timeouts = state_.profile_of(session).timeouts;
  if (session.protocol == Protocol::icmp) {
    if (outbound) lifecycle_.arm(number, timeouts.icmp);
  } else if (outbound ? !state_.policy.misbehavior.no_outbound_refresh
                      : timeouts.udp_inbound_refresh && session.confirmed) {
    lifecycle_.arm(number, timeouts.udp);
  }
  if (!session.established && outbound == session.from_outside) {
    session.established = true;
    lifecycle_.notify_session(EventKind::session_established, number);
  }
}

void Pipeline::touch_tcp(std::uint32_t number, const PacketView& view, Direction direction) {
  Session& session = state_.sessions[number];
  const Timeouts& timeouts = state_.profile_of(session).timeouts;
  const SessionState before = session.tcp.state;
  const TcpTimer timer = advance(session.tcp, view, direction);
  switch (timer) {
    case TcpTimer::keep:
      break;
    case TcpTimer::opening:
      lifecycle_.arm(number, timeouts.tcp_opening);
      break;
    case TcpTimer::established:
      lifecycle_.arm(number, timeouts.tcp_established);
      break;
    case TcpTimer::closing:
      lifecycle_.arm(number, timeouts.tcp_closing);
      break;
    case TcpTimer::reset:
      lifecycle_.arm(number, timeouts.tcp_reset);
      break;
  }
  if (!session.established && timer == TcpTimer::established) {
    session.established = true;
    lifecycle_.notify_session(EventKind::session_established, number);
  } else if (session.established && session.tcp.state != before) {
    lifecycle_.notify_session(EventKind::session_changed, number);
  }
}

void Pipeline::refresh_identification(const PacketView& view) {
  if (view.atomic()) return;
  rewrite_identification(
      view, identifications_.next(view.source_address(), view.destination_address(), view.ip_protocol()));
}

Verdict Pipeline::finish(Verdict verdict, const PacketView* view, const Packet& packet, Realm in) {
  Counters::Count& count =
      state_.counters.reasons[static_cast<std::size_t>(verdict.reason)][static_cast<std::size_t>(in)];
  ++count.packets;
  count.bytes += view != nullptr ? view->total_length() : packet.octets.size();
  if (verdict.action() == Action::forward && view->address_options() && !packet.from_gateway) {
    blank_address_options(*view);
  }
  if (verdict.action() != Action::drop) return verdict;
  if (view != nullptr) answer_refusal(verdict, *view, in);
  notify_drop(verdict.reason, view, packet, in);
  return verdict;
}

void Pipeline::prefetch(std::span<const Packet> packets, std::span<const Realm> in) const {
  constexpr std::size_t kStride = 32;
  struct Hint {
    std::uint64_t hash;
    Direction direction;
  };
  const SessionTable& sessions = state_.sessions;
  for (std::size_t begin = 0; begin < packets.size(); begin += kStride) {
    std::array<Hint, kStride> hints;
    std::size_t count = 0;
    for (std::size_t i = begin; i < std::min(begin + kStride, packets.size()); ++i) {
      PacketView view;
      if (PacketView::parse(packets[i].octets, view) || !view.translatable() || view.icmp_error()) continue;
      const Flow flow = flow_of(view, in[i]);
      const bool outbound = in[i] == Realm::internal;
      const Direction direction = outbound ? Direction::outbound : Direction::inbound;
      const SessionKey key{flow.protocol, outbound ? flow.source : flow.destination,
                           outbound ? flow.destination : flow.source};
      hints[count++] = {sessions.prefetch_index(key, direction), direction};
    }
    for (std::size_t i = 0; i < count; ++i) sessions.prefetch_session(hints[i].hash, hints[i].direction);
  }
}

bool Pipeline::take_released(Released& released, Realm& in) {
  if (!fragments_.take_released(released, in)) return false;
  auto& count = state_.counters
                    .reasons[static_cast<std::size_t>(released.verdict.reason)][static_cast<std::size_t>(in)];
  ++count.packets;
  count.bytes += released.octets.size();
  if (released.verdict.action() == Action::drop) {
    PacketView view;
    const bool readable = !PacketView::parse(released.octets, view);
    notify_drop(released.verdict.reason, readable ? &view : nullptr, {.octets = released.octets}, in);
  }
  return true;
}

TimePoint Pipeline::expire(TimePoint now, unsigned budget) {
  state_.begin_call(now);
  const bool more_datagrams = fragments_.expire(state_.now, budget);
  const bool more_syns = expire_syns(budget);
  if (lifecycle_.expire(budget) || more_datagrams || more_syns) return state_.now;
  return std::min(
      {state_.now + std::chrono::seconds(1), fragments_.next_deadline(), held_syns_.next_deadline()});
}

}  // namespace nat
