#include "translation/trace/tracer.h"

#include <algorithm>

#include "translation/trace/text.h"

namespace nat {
namespace {

// The last step, and what would change it.
void conclude(Explanation& explanation, Refused refused, const State& state) {
  explanation.steps.push_back(
      {"verdict", to_string(action_of(explanation.reason)),
       std::string(to_string(explanation.reason)) + ": " + sentence(explanation.reason)});
  if (action_of(explanation.reason) != Action::drop) return;
  refused.reason = explanation.reason;
  Remedy remedy = remedy_for(refused, state.policy, state.profiles[refused.profile]);
  explanation.remedy = std::move(remedy.text);
  explanation.setting = std::move(remedy.setting);
}

const char* side_text(Realm in) {
  return in == Realm::external ? "inbound, arrived from the external side"
                               : "outbound, arrived from the internal side";
}

}  // namespace

Explanation Tracer::explain(const Packet& packet, Realm in, std::optional<Reason> happened) const {
  Draft draft;
  this->packet(packet, in, happened, draft);
  if (happened) draft.reason = *happened;
  conclude(draft, draft.facts, state_);
  return draft;
}

Explanation Tracer::explain(const Probe& probe) const {
  Draft draft;
  Flow flow;
  flow.protocol = probe.protocol;
  flow.source = draft.source = probe.source;
  flow.destination = draft.destination = probe.destination;
  flow.tcp_flags = probe.tcp_flags;
  if (flow.protocol == Protocol::icmp) {
    flow.echo_reply = probe.in == Realm::external;
    (probe.in == Realm::internal ? flow.destination : flow.source).port = 0;
  }
  draft.step("parse", "ok", side_text(probe.in));
  if (const auto reason = decider_.source_refusal(probe.source.address, probe.in, false)) {
    draft.reason = *reason;
  } else if (probe.in == Realm::internal && !state_.is_external(probe.destination.address) &&
             decider_.is_exempt(probe.protocol, probe.destination)) {
    draft.step("exempt", "yes", "nat.exempt names the remote");
    draft.reason = Reason::exempt;
  } else if (probe.in == Realm::internal || state_.is_external(probe.destination.address)) {
    this->flow(flow, probe.in, draft);
  }
  draft.facts.protocol = probe.protocol;
  draft.facts.destination = probe.destination;
  conclude(draft, draft.facts, state_);
  return draft;
}

void Tracer::packet(const Packet& packet, Realm in, std::optional<Reason> happened, Draft& draft) const {
  PacketView view;
  if (const auto reason = PacketView::parse(packet.octets, view)) {
    draft.step("parse", "deny", sentence(*reason));
    draft.reason = *reason;
    return;
  }
  draft.portless = !view.translatable() || view.icmp_error();
  draft.source = draft.portless ? Endpoint{view.source_address(), 0} : view.source();
  draft.destination = draft.portless ? Endpoint{view.destination_address(), 0} : view.destination();
  draft.facts.destination = draft.destination;
  if (view.translatable()) draft.facts.protocol = view.protocol();
  draft.step("parse", "ok", std::string(side_text(in)) + ": " + describe(view));
  if (const auto reason = decider_.entry(view, packet, in)) {
    if (reason == Reason::address_option) draft.step("options", "deny", sentence(*reason));
    draft.reason = *reason;
    return;
  }
  if (view.fragmented() && !fragment(view, in, happened, draft)) return;
  whole(view, packet, in, draft);
  if (!happened) hop(view, packet, draft);
}

// The router that natd runs on looks at the time to live behind natd's back, where it has not done so before.
void Tracer::hop(const PacketView& view, const Packet& packet, Draft& draft) const {
  const bool routed = action_of(draft.reason) == Action::forward &&
                      !state_.is_external(draft.destination.address);  // the gateway's own
  if (view.ttl() > 1 || packet.hop_counted || !routed) return;
  draft.step("ttl", "deny",
             "natd would translate it, but the router that natd runs on forwards it no further");
  draft.reason = Reason::ttl_expired;
}

// Whether the packet goes on through the pipeline, as first fragments do.
bool Tracer::fragment(const PacketView& view, Realm in, std::optional<Reason> happened, Draft& draft) const {
  const Policy& policy = state_.policy;
  // A first fragment that went on is known, and would seem to overlap itself.
  const bool of_memory = happened == Reason::fragment_overlap || happened == Reason::fragment_limit;
  if (happened && !view.later_fragment() && !of_memory) return true;
  const Fragments::Preview preview = fragments_.preview(view, in, policy, state_.now, happened);
  const bool given_up = happened == Reason::fragment_timeout ||
                        (happened == Reason::fragment_limit && preview.reason != *happened);
  if (given_up) {
    draft.step("fragments", "deny",
               "waited for the first fragment, at most " + clock_text(policy.timeouts.fragment_wait) +
                   " (fragments.wait)");
    draft.facts.limit = fragments_.limit_met();
    return false;
  }
  if (!view.later_fragment() && preview.reason == Reason::translated) {
    draft.step("fragments", "first", "what is decided for it holds for the others of its datagram");
    return true;
  }
  draft.reason = preview.reason;
  draft.facts.limit = preview.limit;
  if (preview.reason == Reason::fragment_held) {
    draft.step("fragments", "hold",
               "waits for the first fragment, at most " + clock_text(policy.timeouts.fragment_wait) +
                   " (fragments.wait)");
  } else if (preview.decision != nullptr) {
    draft.step("fragments", "hit",
               std::string("follows its first fragment: ") + to_string(preview.decision->reason));
  } else {
    draft.step("fragments", "deny", sentence(preview.reason));
  }
  if (action_of(preview.reason) == Action::forward) {
    draft.out = preview.decision->out;
    draft.source = {preview.decision->source, 0};
    draft.destination = {preview.decision->destination, 0};
  }
  return false;
}

void Tracer::whole(const PacketView& view, const Packet& packet, Realm in, Draft& draft) const {
  const Route route = decider_.route(view, packet, in);
  switch (route.way) {
    case Route::Way::ends:
      if (route.reason == Reason::exempt) draft.step("exempt", "yes", "nat.exempt names the remote");
      if (route.reason == Reason::icmp_bad_checksum)
        draft.step("checksum", "deny", "the error's own is wrong");
      draft.reason = route.reason;
      return;
    case Route::Way::error_inbound:
    case Route::Way::error_outbound:
      error(view, packet, in, draft);
      if (packet.from_gateway && action_of(draft.reason) == Action::drop) {
        draft.reason = decider_.own_error(view);
      }
      return;
    case Route::Way::outbound:
    case Route::Way::inbound:
    case Route::Way::hairpin:
      flow(flow_of(view, in), in, draft);
  }
}

void Tracer::error(const PacketView& view, const Packet& packet, Realm in, Draft& draft) const {
  Quote quote;
  if (const auto reason = decider_.quote_refusal(view, quote)) {
    draft.step("quote", "deny", sentence(*reason));
    draft.reason = *reason;
    return;
  }
  draft.step("quote", quote.checksum_right ? "ok" : "wrong checksum",
             "about " + std::string(to_string(quote.protocol)) + " " + quote.source.to_string() + " > " +
                 quote.destination.to_string());
  if (in == Realm::internal) return error_outbound(view, quote, packet.from_gateway, draft);
  error_inbound(quote, draft);
  if (draft.reason == Reason::icmp_no_session &&
      decider_.serves(quote.protocol, quote.source, quote.destination)) {
    draft.reason = Reason::gateway_traffic;
  }
}

void Tracer::error_inbound(const Quote& quote, Draft& draft) const {
  const std::uint32_t number = decider_.about_outbound(quote);
  const bool found = number != kNone;
  draft.step("session", found ? "hit" : "miss",
             (found ? "one exists of " : "none of ") + quote.source.to_string() + " with " +
                 endpoint_text(remote_of(quote, quote.destination)));
  draft.reason = found ? Reason::translated : Reason::icmp_no_session;
  if (!found) return;
  draft.out = Realm::internal;
  draft.destination = {state_.sessions[number].internal_address, 0};
}

void Tracer::error_outbound(const PacketView& view, const Quote& quote, bool from_gateway,
                            Draft& draft) const {
  const std::uint32_t number = decider_.about_inbound(quote, from_gateway);
  const bool found = number != kNone;
  draft.step("session", found ? "hit" : "miss",
             (found ? "one exists of " : "none of ") + quote.destination.to_string() + " with " +
                 endpoint_text(remote_of(quote, quote.source)));
  draft.reason = found ? Reason::translated : Reason::icmp_no_session;
  if (!found) return;
  draft.out = Realm::external;
  draft.source = {state_.sessions[number].external_address, 0};
  if (!state_.is_external(view.destination_address())) return;
  Quote external = quote;
  external.destination = state_.sessions[number].external();
  error_inbound(external, draft);
  if (draft.reason == Reason::translated) draft.reason = Reason::hairpinned;
}

}  // namespace nat
