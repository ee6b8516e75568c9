#include "translation/net/rewrite.h"
#include "translation/pipeline/pipeline.h"

namespace nat {

// Hairpinning: outbound and inbound in one (RFC 4787 REQ-9, RFC 5382 REQ-8). The remote of either session is
// the other host's external endpoint.
Verdict Pipeline::hairpin(const PacketView& view, const Packet& packet) {
  const Flow flow = flow_of(view, Realm::internal);
  settle_outbound(flow);
  Decision out = decider_.outbound(flow);
  if (out.kind != Decision::Kind::session) {
    const std::uint32_t target = state_.mappings.find_external(flow.protocol, flow.destination);
    if (target != kNone) lifecycle_.settle(target);
    if (target != kNone && state_.mappings[target].live) lifecycle_.expire_sessions(target);
    if (const auto reason = decider_.hairpin_target(flow)) return refuse(*reason);
  }
  const Address original = view.source_address();
  const std::uint32_t sender = commit_outbound(out, flow);
  if (sender == kNone && out.kind != Decision::Kind::pass) return refuse(out.reason);
  if (sender != kNone) touch(sender, view, Direction::outbound);

  Flow second = flow;
  second.source = state_.mappings[out.mapping].external;
  settle_inbound(second);
  Decision in = decider_.inbound(second, true);
  const std::uint32_t receiver = commit_inbound(in, second);
  if (receiver == kNone && in.kind != Decision::Kind::pass) return refuse_inbound(in);
  if (receiver != kNone) touch(receiver, view, Direction::inbound);
  if (sender == kNone || receiver == kNone) ++state_.counters.passed_without_session;

  const Endpoint internal = state_.mappings[in.mapping].internal;
  const Misbehavior& misbehavior = state_.policy.misbehavior;
  if (!misbehavior.hairpin_internal_source) rewrite_source(view, second.source, packet.checksum);
  rewrite_destination(view, internal, packet.checksum);
  if (misbehavior.payload_rewriting) {
    rewrite_payload(view, flow.source, second.source, packet.checksum);
    rewrite_payload(view, flow.destination, internal, packet.checksum);
  }
  refresh_identification(view);
  return {.reason = Reason::hairpinned, .out = Realm::internal, .hairpin_source = original};
}

}  // namespace nat
