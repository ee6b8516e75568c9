#include "translation/net/rewrite.h"
#include "translation/pipeline/pipeline.h"

namespace nat {

Verdict Pipeline::inbound(const PacketView& view, const Packet& packet) {
  const Flow flow = flow_of(view, Realm::external);
  const SessionTable& sessions = state_.sessions;
  std::uint32_t number = sessions.find_inbound({flow.protocol, flow.destination, flow.source});
  if (number == kNone || flow.echo_request() || !usable(number)) {
    settle_inbound(flow);
    Decision decision = decider_.inbound(flow, false);
    if (decision.kind == Decision::Kind::gateway) return refuse(Reason::gateway_traffic);
    if (decision.kind == Decision::Kind::pass) {
      ++state_.counters.passed_without_session;
      return deliver(view, packet, state_.mappings[decision.mapping].internal);
    }
    number = commit_inbound(decision, flow);
    if (number == kNone) return refuse_inbound(decision);
    if (!held_syns_.empty()) forget_syn(number);
  }
  touch(number, view, Direction::inbound);
  return deliver(view, packet, sessions[number].internal());
}

Verdict Pipeline::deliver(const PacketView& view, const Packet& packet, Endpoint internal) {
  const Endpoint external = view.destination();
  rewrite_destination(view, internal, packet.checksum);
  if (state_.policy.misbehavior.payload_rewriting) {
    rewrite_payload(view, external, internal, packet.checksum);
  }
  return {.reason = Reason::translated, .out = Realm::internal};
}

void Pipeline::settle_inbound(const Flow& flow) {
  const SessionKey key{flow.protocol, flow.destination, flow.source};
  const SessionTable& sessions = state_.sessions;
  if (const std::uint32_t number = sessions.find_inbound(key); number != kNone) settle_session(number);
  if (const std::uint32_t number = sessions.find_inbound(key); number != kNone) {
    if (!state_.mappings[sessions[number].mapping].live) lifecycle_.forget(number);
  }
  const std::uint32_t mapping = state_.mappings.find_external(flow.protocol, flow.destination);
  if (mapping == kNone) return;
  lifecycle_.settle(mapping);
  if (!state_.mappings[mapping].live || !lifecycle_.expire_sessions(mapping)) return;
  const Endpoint internal = state_.mappings[mapping].internal;
  const std::uint32_t other = sessions.find_outbound({flow.protocol, internal, flow.source});
  if (other != kNone) settle_session(other);
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
      return lifecycle_.open_session(decision.mapping, flow.source, Direction::inbound,
                                     opening_timeout(decision.mapping));
    case Kind::map:
    case Kind::pass:
    case Kind::gateway:
    case Kind::refuse:
      break;
  }
  return kNone;
}

Verdict Pipeline::refuse_inbound(const Decision& decision) {
  const bool filtered =
      decision.reason == Reason::filtered_by_address || decision.reason == Reason::filtered_by_port;
  if (filtered && state_.policy.misbehavior.filter_ends_mapping) {
    lifecycle_.end_mapping(decision.mapping, RemovalCause::misbehaved);
  }
  return refuse(decision.reason);
}

}  // namespace nat
