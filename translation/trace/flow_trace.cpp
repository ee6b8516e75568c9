// The steps of a packet between two endpoints.
#include <algorithm>

#include "translation/state/views.h"
#include "translation/trace/text.h"
#include "translation/trace/tracer.h"

namespace nat {

void Tracer::flow(const Flow& flow, Realm in, Draft& draft) const {
  if (in == Realm::external) {
    inbound(flow, false, draft);
  } else {
    outbound(flow, draft);
  }
  // Both ends of an echo carry its identifier.
  if (flow.protocol != Protocol::icmp || action_of(draft.reason) != Action::forward) return;
  (in == Realm::external ? draft.source.port : draft.destination.port) =
      in == Realm::external ? draft.destination.port : draft.source.port;
}

std::string Tracer::mapping_text(std::uint32_t mapping) const {
  const MappingView view = view_mapping(state_, mapping);
  std::string text =
      std::to_string(view.id) + ": " + view.internal.to_string() + " = " + view.external.to_string();
  if (view.remote != Endpoint{}) {
    text +=
        view.remote.port == 0 ? " for " + view.remote.address.to_string() : " for " + view.remote.to_string();
  }
  if (view.expires != kNever) text += ", expires in " + clock_text(view.expires - state_.now);
  if (view.origin != Origin::dynamic)
    text += std::string(", ") + to_string(view.origin) + (view.name.empty() ? "" : " \"" + view.name + "\"");
  return text;
}

void Tracer::outbound(const Flow& flow, Draft& draft) const {
  using Kind = Decision::Kind;
  const bool returns = state_.is_external(flow.destination.address);
  const Decision decision = decider_.outbound(flow);
  draft.out = Realm::external;
  draft.reason = Reason::translated;
  const bool known = decision.session != kNone;
  const std::string remote = endpoint_text(flow.destination);
  draft.step("session", known ? "hit" : "miss",
             known ? "follows the session with " + remote : "none with " + remote);
  if (returns && decision.kind != Kind::session && !target(flow, draft)) return;
  if (decision.kind == Kind::refuse && decision.reason == Reason::denied_by_rule) {
    draft.facts.profile = decider_.profile_of(flow);
    draft.step("rule", "deny", "rule " + std::to_string(draft.facts.profile) + " of hosts.rule denies it");
    draft.reason = decision.reason;
    return;
  }
  if (decision.mapping != kNone) {
    draft.step("mapping", "hit", mapping_text(decision.mapping));
    draft.source = state_.mappings[decision.mapping].external;
  } else if (decision.kind == Kind::map) {
    draft.step("mapping", "new",
               std::string("would be made, ") +
                   to_string(state_.profiles[decider_.profile_of(flow)].of(flow.protocol).mapping));
    draft.source = ports_.preview(flow.protocol, flow.source, flow.destination);
  }
  if (decision.kind != Kind::session && !room(flow, decision, draft)) return;
  if (!returns) return;
  if (decision.kind != Kind::session && decision.kind != Kind::pass) draft.opened = flow.source.address;
  hairpinned(flow, draft);
}

// The inbound half of a hairpinned packet.
void Tracer::hairpinned(const Flow& flow, Draft& draft) const {
  Flow second = flow;
  second.source = draft.source;
  draft.step("hairpin", "yes", flow.destination.to_string() + " is one of natd's own");
  if (draft.source == flow.destination) {
    // It talks to itself: the session it leaves by is the one it comes back on.
    draft.out = Realm::internal;
    draft.destination = flow.source;
    draft.reason = Reason::hairpinned;
    return;
  }
  inbound(second, true, draft);
  if (draft.source.port == 0) unpicked_port(flow, draft);
  if (draft.reason != Reason::translated) return;
  draft.reason = Reason::hairpinned;
  if (state_.policy.misbehavior.hairpin_internal_source) draft.source = flow.source;
}

// The port that the sender will get is taken for one that has contacted no remote. It may be one that the
// receiver still has a session with, from when another mapping had it; only the choice will show.
void Tracer::unpicked_port(const Flow& flow, Draft& draft) const {
  const std::uint32_t target = state_.mappings.find_external(flow.protocol, flow.destination);
  const char* otherwise = "it would need no further session, or meet session-conflict";
  switch (draft.reason) {
    case Reason::filtered_by_address:
      return;
    case Reason::filtered_by_port:
      if (!state_.contacted(target, draft.source.address)) return;
      otherwise = "the filter would know it";
      break;
    case Reason::translated:
      if (!state_.has_siblings(target)) return;
      otherwise = "it might meet session-conflict";
      break;
    default:
      break;
  }
  draft.step("port", "unknown",
             "the sender's on " + draft.source.address.to_string() + " is yet to be picked; with one that " +
                 state_.mappings[target].internal.to_string() + " still has a session with, " + otherwise);
}

// Whether an outbound packet to one of natd's own endpoints meets an internal host there.
bool Tracer::target(const Flow& flow, Draft& draft) const {
  const auto reason = decider_.hairpin_target(flow);
  if (!reason) return true;
  if (reason == Reason::gateway_traffic) {
    draft.step("gateway", "yes", "a socket of the gateway takes it");
  } else if (reason == Reason::hairpin_off) {
    draft.step("hairpin", "deny", "nat.hairpin = no");
  } else {
    draft.step("hairpin", "miss", "no mapping has " + endpoint_text(flow.destination));
  }
  draft.reason = *reason;
  return false;
}

// What the host uses and what it may use, as a packet without an open session needs some of it.
bool Tracer::room(const Flow& flow, const Decision& decision, Draft& draft) const {
  const std::uint8_t profile = decision.mapping == kNone
                                   ? decider_.profile_of(flow)
                                   : state_.profile_number(state_.mappings[decision.mapping]);
  const Limits& limits = state_.profiles[profile].limits;
  std::optional<Reason> refused;
  if (decision.kind == Decision::Kind::refuse) refused = decision.reason;
  if (decision.kind == Decision::Kind::map && lifecycle_.too_fast(flow.source.address, profile)) {
    refused = Reason::creation_rate;
  } else if (decision.kind == Decision::Kind::map && draft.source.address.unspecified()) {
    refused = Reason::ports_exhausted;
  }
  draft.facts.profile = profile;
  if (refused == Reason::tcp_no_session || refused == Reason::echo_no_session) {
    draft.reason = *refused;
    return false;
  }
  const PortAllocator::Supply supply = ports_.supply(flow.protocol, flow.source, profile);
  if (refused == Reason::host_mapping_limit && supply.mappings < limits.mappings_per_host) {
    draft.facts.limit = std::string("limits.") + to_string(flow.protocol) + "-mappings-per-host";
  }
  const bool ports_short = refused == Reason::ports_exhausted || refused == Reason::no_external_address;
  draft.step("quota", refused && !ports_short ? "deny" : "ok",
             flow.source.address.to_string() + " has " +
                 share_text(supply.mappings, limits.mappings_per_host, "mappings") + " and " +
                 share_text(supply.sessions, limits.sessions_per_host, "sessions") +
                 (refused && !ports_short ? std::string("; ") + sentence(*refused) : ""));
  if (decision.mapping == kNone) {
    draft.step(
        "ports", ports_short ? "deny" : "ok",
        supply.external.unspecified()
            ? "no external address"
            : supply.external.to_string() + " has " + std::to_string(supply.free) + " free in " +
                  ranges_text(supply.ranges) + ", " + std::to_string(supply.used) + " in use, " +
                  std::to_string(supply.quarantined) + " in quarantine" +
                  (ports_short && supply.free > 0 ? "; what is free, sockets of the gateway have" : ""));
  }
  if (refused == Reason::ports_exhausted) {
    draft.facts.relief = ports_.relief(flow.protocol, flow.source, profile);
  }
  if (decision.kind == Decision::Kind::pass) without_session(decision, draft);
  if (refused) draft.reason = *refused;
  return !refused;
}

void Tracer::inbound(const Flow& flow, bool hairpinned, Draft& draft) const {
  using Kind = Decision::Kind;
  const Decision decision = decider_.inbound(flow, hairpinned, draft.opened);
  draft.out = Realm::internal;
  draft.facts.hairpinned = hairpinned;
  const bool known = decision.session != kNone;
  const std::string remote = endpoint_text(flow.source);
  if (!hairpinned) {
    draft.step("session", known ? "hit" : "miss", (known ? "one exists with " : "none with ") + remote);
  }
  if (decision.kind == Kind::gateway) {
    draft.step("gateway", "yes", "a socket of the gateway takes it");
    draft.reason = Reason::gateway_traffic;
    return;
  }
  if (decision.mapping == kNone) {
    draft.step("mapping", "miss", "none has " + flow.destination.to_string());
    draft.reason = decision.reason;
    return;
  }
  draft.step("mapping", "hit", mapping_text(decision.mapping));
  if (decision.kind == Kind::refuse) {
    inbound_refusal(flow, decision, draft);
    return;
  }
  draft.step("filtering", "allow",
             hairpinned && !state_.policy.hairpin_filter ? "hairpinned packets are not filtered"
             : known                                     ? "the session is open"
                                                         : filter_text(decision.mapping));
  if (decision.kind == Kind::pass) without_session(decision, draft);
  draft.destination = state_.mappings[decision.mapping].internal;
  draft.reason = Reason::translated;
}

void Tracer::without_session(const Decision& decision, Draft& draft) {
  draft.step("room", "none",
             std::string(sentence(decision.reason)) + " It passes by its mapping, without a session.");
}

void Tracer::inbound_refusal(const Flow& flow, const Decision& decision, Draft& draft) const {
  draft.reason = decision.reason;
  const Mapping& mapping = state_.mappings[decision.mapping];
  draft.facts.profile = state_.profile_number(mapping);
  switch (decision.reason) {
    case Reason::filtered_by_address:
    case Reason::filtered_by_port:
      draft.facts.contacted_address = state_.contacted(decision.mapping, flow.source.address);
      draft.step("filtering", "deny",
                 filter_text(decision.mapping) + "; contacted: " + contacted_text(decision.mapping));
      return;
    case Reason::session_conflict: {
      const SessionTable& sessions = state_.sessions;
      const std::uint32_t other = sessions.find_outbound({flow.protocol, mapping.internal, flow.source});
      draft.facts.conflicting = sessions[other].external();
      draft.step("conflict", "deny",
                 mapping.internal.to_string() + " already talks to " + flow.source.to_string() + " as " +
                     draft.facts.conflicting.to_string());
      return;
    }
    default:
      draft.step("admission", "deny", sentence(decision.reason));
  }
}

std::string Tracer::filter_text(std::uint32_t mapping) const {
  const Mapping& m = state_.mappings[mapping];
  return m.origin != Origin::dynamic ? std::string(to_string(m.origin)) + ": any remote"
                                     : to_string(state_.profile_of(m).of(m.protocol).filtering);
}

// The remotes the mapping has contacted, the first few.
std::string Tracer::contacted_text(std::uint32_t mapping) const {
  constexpr unsigned kMost = 4;
  const Mapping& m = state_.mappings[mapping];
  const SessionTable& sessions = state_.sessions;
  std::string text;
  unsigned shown = 0;
  for (const SessionList* list : {&m.confirmed, &m.dormant}) {
    for (std::uint32_t s = list->head; s != kNone && shown < kMost; s = sessions.links(s).next_of_mapping) {
      text += (shown++ == 0 ? "" : ", ") + sessions[s].remote().to_string();
    }
  }
  const std::uint32_t total = m.confirmed.count + m.dormant.count;
  if (total > shown) text += " and " + std::to_string(total - shown) + " more";
  return text.empty() ? "nobody" : text;
}

}  // namespace nat
