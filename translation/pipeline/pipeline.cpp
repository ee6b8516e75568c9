#include "translation/pipeline/pipeline.h"

#include <algorithm>
#include <array>

#include "filtering/filter.h"
#include "translation/net/checksum.h"
#include "translation/net/rewrite.h"
#include "translation/ports/local_sockets.h"

namespace nat {

Flow flow_of(const PacketView& view, Realm in) {
  Flow flow;
  flow.protocol = view.protocol();
  flow.source = view.source();
  flow.destination = view.destination();
  if (flow.protocol == Protocol::tcp) flow.tcp_flags = view.tcp_flags();
  if (flow.protocol == Protocol::icmp) {
    flow.echo_reply = view.icmp_type() == icmp::kEchoReply;
    (in == Realm::internal ? flow.destination : flow.source).port = 0;
  }
  return flow;
}

Reason stray(const Flow& flow) {
  if (flow.protocol == Protocol::udp) return Reason::no_mapping;
  if (flow.protocol == Protocol::icmp) return flow.echo_reply ? Reason::echo_no_session : Reason::no_mapping;
  return bare_syn(flow.tcp_flags) ? Reason::unsolicited_syn : Reason::tcp_no_session;
}

Verdict Pipeline::translate(const Packet& packet, Realm in, TimePoint now) {
  tables_.set_now(now);
  PacketView view;
  if (const auto reason = PacketView::parse(packet.octets, view)) {
    return finish(refuse(*reason), nullptr, packet, in);
  }
  if (const auto reason = judge_header(view, packet)) return finish(refuse(*reason), &view, packet, in);
  if (in == Realm::external && !tables_.is_external(view.destination_address())) {
    return finish(refuse(Reason::not_ours), &view, packet, in);
  }
  if (const auto reason = judge_options(view, packet, in)) return finish(refuse(*reason), &view, packet, in);
  return finish(view.fragmented() ? run_fragment(view, packet, in) : run(view, packet, in), &view, packet,
                in);
}

std::optional<Reason> Pipeline::judge_source(Address source, bool from_gateway) const {
  if (source.unspecified() || source.multicast() || source.broadcast() || source.loopback()) {
    return Reason::invalid_source;
  }
  if (!from_gateway && tables_.is_external(source)) return Reason::spoofed_source;
  return std::nullopt;
}

std::optional<Reason> Pipeline::judge_header(const PacketView& view, const Packet& packet) const {
  if (const auto reason = judge_source(view.source_address(), packet.from_gateway)) return reason;
  if (view.source_routed()) return Reason::source_route;
  return std::nullopt;
}

// What is exempt leaves with its internal addresses anyway, and the gateway has no internal one in its own.
std::optional<Reason> Pipeline::judge_options(const PacketView& view, const Packet& packet, Realm in) const {
  if (!view.address_options() || tables_.policy().address_options == AddressOptions::blank)
    return std::nullopt;
  if (packet.from_gateway || (in == Realm::internal && is_exempt(view))) return std::nullopt;
  return Reason::address_option;
}

Verdict Pipeline::run(const PacketView& view, const Packet& packet, Realm in) {
  if (in == Realm::internal && !packet.from_gateway && is_exempt(view)) {
    return {.reason = Reason::exempt, .out = Realm::external};
  }
  if (!view.translatable()) {
    if (packet.from_gateway) return refuse(Reason::not_ours);
    const bool icmp = view.ip_protocol() == static_cast<std::uint8_t>(Protocol::icmp);
    return refuse(icmp ? Reason::icmp_unsupported : Reason::unsupported_protocol);
  }
  if (view.icmp_error()) {
    if (view.fragmented()) return refuse(Reason::icmp_fragmented);
    if (internet_checksum({view.transport(), view.transport_length()}) != 0) {
      return refuse(Reason::icmp_bad_checksum);
    }
    if (in == Realm::external) return error_inbound(view);
    const Verdict verdict = error_outbound(view, packet.from_gateway);
    return packet.from_gateway && verdict.action() == Action::drop ? refuse(judge_own_error(view)) : verdict;
  }
  if (in == Realm::external) return inbound(view, packet);
  if (packet.from_gateway && !(view.icmp_query() && view.icmp_type() == icmp::kEcho)) {
    return refuse(Reason::not_ours);
  }
  return tables_.is_external(view.destination_address()) ? hairpin(view, packet) : outbound(view, packet);
}

Verdict Pipeline::run_fragment(const PacketView& view, const Packet& packet, Realm in) {
  const Policy& policy = tables_.policy();
  if (view.later_fragment()) return fragments_.later(view, packet, in, policy, tables_.now());
  if (const auto reason = fragments_.first(view, in, policy, tables_.now())) return refuse(*reason);
  const DatagramKey key = Fragments::key_of(view, in);
  const Verdict verdict = run(view, packet, in);
  fragments_.decide(key,
                    {.reason = verdict.reason,
                     .out = verdict.out,
                     .hairpin_source = verdict.hairpin_source,
                     .source = view.source_address(),
                     .destination = view.destination_address(),
                     .identification = view.identification()},
                    tables_.now() + policy.timeouts.fragment_lifetime);
  return verdict;
}

// --- Outbound: from an internal host to a remote.

Verdict Pipeline::outbound(const PacketView& view, const Packet& packet) {
  const Flow flow = flow_of(view, Realm::internal);
  const Misbehavior& misbehavior = tables_.policy().misbehavior;
  if (misbehavior.mapping_loss > 0) lose_mapping(flow);
  SessionTable& sessions = tables_.sessions();
  std::uint32_t number = sessions.find_outbound({flow.protocol, flow.source, flow.destination});
  if (number == kNone || !sessions[number].confirmed || !sessions[number].live ||
      tables_.expired(sessions[number])) {
    expire_outbound(flow);
    Decision decision = decide_outbound(flow);
    number = commit_outbound(decision, flow);
    if (number == kNone) return refuse(decision.reason);
    if (!held_syns_.empty()) forget_syn(number);
  }
  touch(number, view, Direction::outbound);
  rewrite_source(view, sessions[number].external(), packet.checksum);
  if (misbehavior.payload_rewriting) {
    rewrite_payload(view, flow.source, sessions[number].external(), packet.checksum);
  }
  refresh_identification(view);
  return {.reason = Reason::translated, .out = Realm::external};
}

Decision Pipeline::decide_outbound(const Flow& flow) const {
  using Kind = Decision::Kind;
  const SessionTable& sessions = tables_.sessions();
  const std::uint32_t number = sessions.find_outbound({flow.protocol, flow.source, flow.destination});
  if (number != kNone) {
    const Session& s = sessions[number];
    if (open(number)) {
      return {.kind = Kind::session, .session = number, .mapping = s.mapping};
    }
    if (s.dormant && tables_.alive(s.mapping) && flow.may_open()) {
      const auto refusal = tables_.session_refusal(flow.source.address, s.mapping, Direction::outbound);
      if (refusal) return {.session = number, .mapping = s.mapping, .reason = *refusal};
      return {.kind = Kind::reopen, .session = number, .mapping = s.mapping};
    }
  }
  if (!flow.may_open()) {
    return {.reason = flow.protocol == Protocol::tcp ? Reason::tcp_no_session : Reason::echo_no_session};
  }
  const std::uint8_t profile = profile_of(flow);
  std::uint32_t mapping = mapping_of(flow, profile);
  if (mapping != kNone && !tables_.alive(mapping)) mapping = kNone;
  if (mapping == kNone) {
    const auto refusal = tables_.refusal(flow.protocol, flow.source, flow.destination);
    if (refusal) return {.reason = *refusal};
  }
  const auto refusal = tables_.session_refusal(flow.source.address, mapping, Direction::outbound, profile);
  if (refusal) return {.mapping = mapping, .reason = *refusal};
  return {.kind = mapping == kNone ? Kind::map : Kind::open, .mapping = mapping};
}

// What has run out since the last expire() must not be found by decide_*.
void Pipeline::expire_session(std::uint32_t number) {
  const std::uint32_t mapping = tables_.sessions()[number].mapping;
  if (tables_.expired(tables_.sessions()[number])) tables_.retire(number);
  if (tables_.mappings()[mapping].live) tables_.expire_sessions(mapping);
}

void Pipeline::expire_outbound(const Flow& flow) {
  const SessionKey key{flow.protocol, flow.source, flow.destination};
  const SessionTable& sessions = tables_.sessions();
  if (const std::uint32_t number = sessions.find_outbound(key); number != kNone) expire_session(number);
  if (const std::uint32_t number = sessions.find_outbound(key); number != kNone) {
    if (!tables_.mappings()[sessions[number].mapping].live) tables_.forget(number);
  }
  const std::uint32_t mapping = mapping_of(flow, profile_of(flow));
  if (mapping != kNone) tables_.expire_sessions(mapping);
}

// As a NAT does that restarts, or that is short of memory: the packet finds nothing of what was.
void Pipeline::lose_mapping(const Flow& flow) {
  if (tables_.random().below(1000) >= tables_.policy().misbehavior.mapping_loss) return;
  const SessionTable& sessions = tables_.sessions();
  const std::uint32_t number = sessions.find_outbound({flow.protocol, flow.source, flow.destination});
  const std::uint32_t mapping =
      number != kNone ? sessions[number].mapping : mapping_of(flow, profile_of(flow));
  if (mapping == kNone || !tables_.mappings()[mapping].live) return;
  if (tables_.mappings()[mapping].origin == Origin::configured) return;
  tables_.end_mapping(mapping, RemovalCause::misbehaved);
}

std::uint32_t Pipeline::commit_outbound(Decision& decision, const Flow& flow) {
  using Kind = Decision::Kind;
  switch (decision.kind) {
    case Kind::session:
      // A reset says no: it neither permits its remote nor keeps the mapping (RFC 7857 section 7).
      if (!tables_.sessions()[decision.session].confirmed && !flow.reset()) {
        tables_.mark_confirmed(decision.session);
      }
      return decision.session;
    case Kind::reopen:
    case Kind::open:
      return tables_.open_session(decision.mapping, flow.destination, Direction::outbound,
                                  opening_timeout(decision.mapping));
    case Kind::map: {
      decision.mapping = tables_.make_mapping(flow.protocol, flow.source, flow.destination, decision.reason);
      if (decision.mapping == kNone) return kNone;
      const std::uint32_t session = tables_.open_session(
          decision.mapping, flow.destination, Direction::outbound, opening_timeout(decision.mapping));
      if (Observer* const observer = tables_.observer()) {
        observer->mapping_created(tables_.view(decision.mapping), tables_.now());
      }
      return session;
    }
    case Kind::gateway:
    case Kind::refuse:
      break;
  }
  return kNone;
}

// --- Inbound: from a remote to one of our external endpoints.

Verdict Pipeline::inbound(const PacketView& view, const Packet& packet) {
  const Flow flow = flow_of(view, Realm::external);
  SessionTable& sessions = tables_.sessions();
  std::uint32_t number = sessions.find_inbound({flow.protocol, flow.destination, flow.source});
  if (number == kNone || flow.echo_request() || !sessions[number].confirmed || !sessions[number].live ||
      tables_.expired(sessions[number])) {
    expire_inbound(flow);
    Decision decision = decide_inbound(flow, false);
    if (decision.kind == Decision::Kind::gateway) return refuse(Reason::gateway_traffic);
    number = commit_inbound(decision, flow);
    if (number == kNone) return refuse_inbound(decision);
    if (!held_syns_.empty()) forget_syn(number);
  }
  touch(number, view, Direction::inbound);
  rewrite_destination(view, sessions[number].internal(), packet.checksum);
  if (tables_.policy().misbehavior.payload_rewriting) {
    rewrite_payload(view, flow.destination, sessions[number].internal(), packet.checksum);
  }
  return {.reason = Reason::translated, .out = Realm::internal};
}

Decision Pipeline::decide_inbound(const Flow& flow, bool hairpinned, Address opened) const {
  using Kind = Decision::Kind;
  const SessionTable& sessions = tables_.sessions();
  const Endpoint remote = flow.source;
  // An echo request from outside is for the gateway, even if its identifier is that of a ping from inside.
  const bool request = flow.echo_request();
  const std::uint32_t number = sessions.find_inbound({flow.protocol, flow.destination, remote});
  if (number != kNone && !request && tables_.alive(sessions[number].mapping)) {
    const Session& s = sessions[number];
    if (s.live && !tables_.expired(s)) {
      const auto refusal = s.confirmed ? std::nullopt : filter_refusal(s.mapping, remote, hairpinned);
      if (refusal) return {.session = number, .mapping = s.mapping, .reason = *refusal};
      return {.kind = Kind::session, .session = number, .mapping = s.mapping};
    }
    // Contacted before, so every filter lets it in; a TCP session needs a SYN to begin again.
    if (s.dormant && (flow.protocol != Protocol::tcp || flow.may_open())) {
      if (flow.protocol == Protocol::tcp) {
        const auto refusal = tables_.session_refusal(s.internal_address, s.mapping, Direction::inbound,
                                                     Profiles::kGeneral, opened);
        if (refusal) return {.session = number, .mapping = s.mapping, .reason = *refusal};
      }
      return {.kind = Kind::reopen, .session = number, .mapping = s.mapping};
    }
  }
  if (!hairpinned && (flow.protocol != Protocol::icmp || request) &&
      serves(flow.protocol, flow.destination, remote)) {
    return {.kind = Kind::gateway};
  }
  const std::uint32_t mapping = tables_.mappings().find_external(flow.protocol, flow.destination);
  if (mapping == kNone || request || !tables_.alive(mapping)) {
    if (!hairpinned && flow.protocol == Protocol::icmp && serves(flow.protocol, flow.destination, remote)) {
      return {.kind = Kind::gateway};
    }
    return {.reason = stray(flow)};
  }
  if (flow.protocol == Protocol::tcp && !flow.may_open()) {
    return {.mapping = mapping, .reason = Reason::tcp_no_session};
  }
  if (const auto refusal = filter_refusal(mapping, remote, hairpinned)) {
    return {.mapping = mapping, .reason = *refusal};
  }
  const Endpoint internal = tables_.mappings()[mapping].internal;
  const std::uint32_t other = sessions.find_outbound({flow.protocol, internal, remote});
  if (open(other)) return {.mapping = mapping, .reason = Reason::session_conflict};
  const auto refusal =
      tables_.session_refusal(internal.address, mapping, Direction::inbound, Profiles::kGeneral, opened);
  if (refusal) return {.mapping = mapping, .reason = *refusal};
  return {.kind = Kind::open, .mapping = mapping};
}

std::optional<Reason> Pipeline::filter_refusal(std::uint32_t mapping, Endpoint remote,
                                               bool hairpinned) const {
  const Mapping& m = tables_.mappings()[mapping];
  const Policy& policy = tables_.policy();
  if (m.origin == Origin::configured || (hairpinned && !policy.hairpin_filter)) return std::nullopt;
  // A remote endpoint that was contacted has a session, live or dormant, and is not asked about here.
  return filter(
      tables_.profile_of(m).of(m.protocol).filtering,
      {.contacted_address = tables_.contacted(mapping, remote.address), .contacted_endpoint = false});
}

void Pipeline::expire_inbound(const Flow& flow) {
  const SessionKey key{flow.protocol, flow.destination, flow.source};
  const SessionTable& sessions = tables_.sessions();
  if (const std::uint32_t number = sessions.find_inbound(key); number != kNone) expire_session(number);
  if (const std::uint32_t number = sessions.find_inbound(key); number != kNone) {
    if (!tables_.mappings()[sessions[number].mapping].live) tables_.forget(number);
  }
  const std::uint32_t mapping = tables_.mappings().find_external(flow.protocol, flow.destination);
  if (mapping == kNone || !tables_.expire_sessions(mapping)) return;
  const Endpoint internal = tables_.mappings()[mapping].internal;
  const std::uint32_t other = sessions.find_outbound({flow.protocol, internal, flow.source});
  if (other != kNone) expire_session(other);
}

std::uint32_t Pipeline::commit_inbound(Decision& decision, const Flow& flow) {
  using Kind = Decision::Kind;
  switch (decision.kind) {
    case Kind::session:
      return decision.session;
    case Kind::reopen:
      // Nothing but a packet from inside brings a UDP or ICMP session back to life (RFC 4787 REQ-6); it
      // passes all the same.
      if (flow.protocol != Protocol::tcp) return decision.session;
      [[fallthrough]];
    case Kind::open:
      return tables_.open_session(decision.mapping, flow.source, Direction::inbound,
                                  opening_timeout(decision.mapping));
    case Kind::map:
    case Kind::gateway:
    case Kind::refuse:
      break;
  }
  return kNone;
}

Verdict Pipeline::refuse_inbound(const Decision& decision) {
  const bool filtered =
      decision.reason == Reason::filtered_by_address || decision.reason == Reason::filtered_by_port;
  if (filtered && tables_.policy().misbehavior.filter_ends_mapping) {
    tables_.end_mapping(decision.mapping, RemovalCause::misbehaved);
  }
  return refuse(decision.reason);
}

// --- Hairpinning: outbound and inbound in one (RFC 4787 REQ-9, RFC 5382 REQ-8). The remote of either session
// is the other host's external endpoint.

Verdict Pipeline::hairpin(const PacketView& view, const Packet& packet) {
  const Flow flow = flow_of(view, Realm::internal);
  expire_outbound(flow);
  Decision out = decide_outbound(flow);
  if (out.kind != Decision::Kind::session) {
    if (serves(flow.protocol, flow.destination, flow.source)) return refuse(Reason::gateway_traffic);
    if (!tables_.policy().hairpin) return refuse(Reason::hairpin_off);
    const std::uint32_t target = tables_.mappings().find_external(flow.protocol, flow.destination);
    if (flow.protocol == Protocol::icmp || target == kNone || !tables_.expire_sessions(target))
      return refuse(stray(flow));
  }
  const Address original = view.source_address();
  const std::uint32_t sender = commit_outbound(out, flow);
  if (sender == kNone) return refuse(out.reason);
  SessionTable& sessions = tables_.sessions();
  touch(sender, view, Direction::outbound);

  Flow second = flow;
  second.source = sessions[sender].external();
  expire_inbound(second);
  Decision in = decide_inbound(second, true);
  const std::uint32_t receiver = commit_inbound(in, second);
  if (receiver == kNone) return refuse_inbound(in);
  touch(receiver, view, Direction::inbound);

  const Misbehavior& misbehavior = tables_.policy().misbehavior;
  if (!misbehavior.hairpin_internal_source) rewrite_source(view, second.source, packet.checksum);
  rewrite_destination(view, sessions[receiver].internal(), packet.checksum);
  if (misbehavior.payload_rewriting) {
    rewrite_payload(view, flow.source, second.source, packet.checksum);
    rewrite_payload(view, flow.destination, sessions[receiver].internal(), packet.checksum);
  }
  refresh_identification(view);
  return {.reason = Reason::hairpinned, .out = Realm::internal, .hairpin_source = original};
}

// --- What every packet needs.

bool Pipeline::open(std::uint32_t number) const {
  if (number == kNone) return false;
  const Session& session = tables_.sessions()[number];
  return session.live && !tables_.expired(session) && tables_.alive(session.mapping);
}

bool Pipeline::is_exempt(Protocol protocol, Endpoint remote) const {
  const auto& exempt = tables_.policy().exempt;
  return std::any_of(exempt.begin(), exempt.end(), [&](const Exemption& one) {
    return one.remote.contains(remote.address) &&
           (one.every_port() || (protocol != Protocol::icmp && one.ports.contains(remote.port)));
  });
}

// The remote of an ICMP error is that of the packet it quotes.
bool Pipeline::is_exempt(const PacketView& view) const {
  if (tables_.policy().exempt.empty() || tables_.is_external(view.destination_address())) return false;
  if (!view.translatable()) return is_exempt(Protocol::icmp, {view.destination_address(), 0});
  if (!view.icmp_error()) return is_exempt(view.protocol(), view.destination());
  Quote quote;
  if (view.quote(quote)) return false;
  if (!quote.checksum_right && tables_.policy().strict_quotes) return false;
  return is_exempt(quote.protocol, {view.destination_address(), quote.source.port});
}

bool Pipeline::serves(Protocol protocol, Endpoint local, Endpoint remote) const {
  LocalSockets* const sockets = tables_.sockets();
  return sockets != nullptr && sockets->serves(protocol, local, remote);
}

std::uint8_t Pipeline::profile_of(const Flow& flow) const {
  return tables_.profiles().find(flow.protocol, flow.source, flow.destination.port);
}

std::uint32_t Pipeline::mapping_of(const Flow& flow, std::uint8_t profile) const {
  const Behavior behavior = tables_.profiles()[profile].of(flow.protocol).mapping;
  return tables_.mappings().find_internal(flow.protocol, flow.source, behavior, flow.destination);
}

Duration Pipeline::opening_timeout(std::uint32_t mapping) const {
  const Mapping& m = tables_.mappings()[mapping];
  const Timeouts& timeouts = tables_.profile_of(m).timeouts;
  return m.protocol == Protocol::udp   ? timeouts.udp
         : m.protocol == Protocol::tcp ? timeouts.tcp_opening
                                       : timeouts.icmp;
}

void Pipeline::touch(std::uint32_t number, const PacketView& view, Direction direction) {
  Session& session = tables_.sessions()[number];
  const bool outbound = direction == Direction::outbound;
  (outbound ? session.sent_bytes : session.received_bytes) += view.total_length();
  if (!session.live) return;  // a dormant one, passed through
  const Timeouts& timeouts = tables_.profile_of(session).timeouts;
  switch (session.protocol) {
    case Protocol::udp:
      if (outbound ? !tables_.policy().misbehavior.no_outbound_refresh
                   : timeouts.udp_inbound_refresh && session.confirmed) {
        tables_.arm(number, timeouts.udp);
      }
      return;
    case Protocol::icmp:
      if (outbound) tables_.arm(number, timeouts.icmp);
      return;
    case Protocol::tcp:
      break;
  }
  switch (advance(session.tcp, view, direction)) {
    case TcpTimer::keep:
      break;
    case TcpTimer::opening:
      tables_.arm(number, timeouts.tcp_opening);
      break;
    case TcpTimer::established:
      tables_.arm(number, timeouts.tcp_established);
      break;
    case TcpTimer::closing:
      tables_.arm(number, timeouts.tcp_closing);
      break;
    case TcpTimer::reset:
      tables_.arm(number, timeouts.tcp_reset);
      break;
  }
}

void Pipeline::refresh_identification(const PacketView& view) {
  if (view.atomic()) return;
  rewrite_identification(
      view, identifications_.next(view.source_address(), view.destination_address(), view.ip_protocol()));
}

Verdict Pipeline::finish(Verdict verdict, const PacketView* view, const Packet& packet, Realm in) {
  Counters::Count& count =
      tables_.counters().reasons[static_cast<std::size_t>(verdict.reason)][static_cast<std::size_t>(in)];
  ++count.packets;
  count.bytes += view != nullptr ? view->total_length() : packet.octets.size();
  if (verdict.action() == Action::forward && view->address_options() && !packet.from_gateway) {
    blank_address_options(*view);
  }
  if (verdict.action() != Action::drop) return verdict;
  if (view != nullptr) answer_refusal(verdict, *view, in);
  tell_refusal(verdict.reason, view, packet, in);
  return verdict;
}

void Pipeline::prefetch(std::span<const Packet> packets, std::span<const Realm> in) const {
  constexpr std::size_t kStride = 32;
  struct Hint {
    std::uint64_t hash;
    Direction direction;
  };
  const SessionTable& sessions = tables_.sessions();
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

bool Pipeline::take_released(Released& released) {
  Realm in = Realm::internal;
  if (!fragments_.take_released(released, in)) return false;
  auto& count = tables_.counters()
                    .reasons[static_cast<std::size_t>(released.verdict.reason)][static_cast<std::size_t>(in)];
  ++count.packets;
  count.bytes += released.octets.size();
  if (released.verdict.action() == Action::drop) {
    PacketView view;
    const bool readable = !PacketView::parse(released.octets, view);
    tell_refusal(released.verdict.reason, readable ? &view : nullptr, {.octets = released.octets}, in);
  }
  return true;
}

TimePoint Pipeline::expire(TimePoint now, unsigned budget) {
  tables_.set_now(now);
  const bool more_datagrams = fragments_.expire(now, budget);
  const bool more_syns = expire_syns(budget);
  if (tables_.expire(budget) || more_datagrams || more_syns) return now;
  return std::min({now + std::chrono::seconds(1), fragments_.next_deadline(), held_syns_.next_deadline()});
}

}  // namespace nat
