#include "translation/net/rewrite.h"
#include "translation/pipeline/pipeline.h"

namespace nat {

Verdict Pipeline::outbound(const PacketView& view, const Packet& packet) {
  const Flow flow = flow_of(view, Realm::internal);
  const Misbehavior& misbehavior = state_.policy.misbehavior;
  if (misbehavior.mapping_loss > 0) lose_mapping(flow);
  const SessionTable& sessions = state_.sessions;
  std::uint32_t number = sessions.find_outbound({flow.protocol, flow.source, flow.destination});
  if (number == kNone || !usable(number)) {
    settle_outbound(flow);
    Decision decision = decider_.outbound(flow);
    if (decision.kind == Decision::Kind::pass) {
      ++state_.counters.passed_without_session;
      return leave(view, packet, state_.mappings[decision.mapping].external);
    }
    number = commit_outbound(decision, flow);
    if (number == kNone) return refuse(decision.reason);
    if (!held_syns_.empty()) forget_syn(number);
  }
  touch(number, view, Direction::outbound);
  return leave(view, packet, sessions[number].external());
}

Verdict Pipeline::leave(const PacketView& view, const Packet& packet, Endpoint external) {
  const Endpoint internal = view.source();
  rewrite_source(view, external, packet.checksum);
  if (state_.policy.misbehavior.payload_rewriting) {
    rewrite_payload(view, internal, external, packet.checksum);
  }
  refresh_identification(view);
  return {.reason = Reason::translated, .out = Realm::external};
}

void Pipeline::settle_outbound(const Flow& flow) {
  const SessionKey key{flow.protocol, flow.source, flow.destination};
  const SessionTable& sessions = state_.sessions;
  if (const std::uint32_t number = sessions.find_outbound(key); number != kNone) settle_session(number);
  if (const std::uint32_t number = sessions.find_outbound(key); number != kNone) {
    if (!state_.mappings[sessions[number].mapping].live) lifecycle_.forget(number);
  }
  const std::uint32_t mapping = decider_.mapping_of(flow);
  if (mapping == kNone) return;
  lifecycle_.settle(mapping);
  if (state_.mappings[mapping].live) lifecycle_.expire_sessions(mapping);
}

// As a NAT does that restarts, or that is short of memory: the packet finds nothing of what was.
void Pipeline::lose_mapping(const Flow& flow) {
  if (state_.random.below(1000) >= state_.policy.misbehavior.mapping_loss) return;
  const SessionTable& sessions = state_.sessions;
  const std::uint32_t number = sessions.find_outbound({flow.protocol, flow.source, flow.destination});
  const std::uint32_t mapping = number != kNone ? sessions[number].mapping : decider_.mapping_of(flow);
  if (mapping == kNone || !state_.mappings[mapping].live) return;
  if (state_.mappings[mapping].origin != Origin::dynamic) return;
  lifecycle_.end_mapping(mapping, RemovalCause::misbehaved);
}

std::uint32_t Pipeline::commit_outbound(Decision& decision, const Flow& flow) {
  using Kind = Decision::Kind;
  switch (decision.kind) {
    case Kind::session:
      // A reset says no: it neither permits its remote nor keeps the mapping (RFC 7857 section 7).
      if (!state_.sessions[decision.session].confirmed && !flow.reset()) {
        lifecycle_.confirm(decision.session);
      }
      return decision.session;
    case Kind::reopen:
    case Kind::open:
      return lifecycle_.open_session(decision.mapping, flow.destination, Direction::outbound,
                                     opening_timeout(decision.mapping));
    case Kind::map: {
      decision.mapping =
          lifecycle_.make_mapping(flow.protocol, flow.source, flow.destination, decision.reason);
      if (decision.mapping == kNone) return kNone;
      lifecycle_.notify_made(decision.mapping);
      return lifecycle_.open_session(decision.mapping, flow.destination, Direction::outbound,
                                     opening_timeout(decision.mapping));
    }
    case Kind::pass:
    case Kind::gateway:
    case Kind::refuse:
      break;
  }
  return kNone;
}

}  // namespace nat
