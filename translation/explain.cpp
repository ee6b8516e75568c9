// Engine::explain: the decisions of the pipeline, in words, for a packet that need not exist.
#include <algorithm>

#include "translation/pipeline.h"

namespace nat {
namespace {

std::string clock_text(Duration left) {
  const auto seconds = std::max<std::int64_t>(0, std::chrono::ceil<std::chrono::seconds>(left).count());
  const auto two = [](std::int64_t n) { return (n < 10 ? "0" : "") + std::to_string(n); };
  if (seconds < 3600) return std::to_string(seconds / 60) + ":" + two(seconds % 60);
  return std::to_string(seconds / 3600) + ":" + two(seconds / 60 % 60) + ":" + two(seconds % 60);
}

// The one change that would have let the packet pass.
std::string remedy_for(Reason reason, Protocol protocol) {
  const std::string name = to_string(protocol);
  switch (reason) {
    case Reason::filtered_by_address:
    case Reason::filtered_by_port:
      return "natctl set " + name +
             ".filtering=endpoint-independent, or a packet from the internal endpoint to this "
             "remote first";
    case Reason::no_mapping:
    case Reason::unsolicited_syn:
      return "traffic from an internal host first, or natctl port-forward add " + name + " PORT HOST:PORT";
    case Reason::tcp_no_session:
      return "a SYN first: the connection is unknown or was forgotten";
    case Reason::echo_no_session:
      return "an echo request first";
    case Reason::hairpin_off:
      return "natctl set nat.hairpin=yes";
    case Reason::no_external_address:
      return "an IPv4 address on the external interface";
    case Reason::ports_exhausted:
      return "more ports (ports.ranges), more external addresses (pool.address) or "
             "shorter time-outs";
    case Reason::mapping_limit:
      return "a higher limits.mappings";
    case Reason::session_limit:
      return "a higher limits.sessions";
    case Reason::host_limit:
      return "a higher limits.hosts";
    case Reason::host_mapping_limit:
      return "natctl set limits.mappings-per-host=N";
    case Reason::host_session_limit:
      return "natctl set limits.sessions-per-host=N";
    case Reason::mapping_session_limit:
      return "natctl set limits.sessions-per-mapping=N";
    case Reason::creation_rate:
      return "natctl set limits.mapping-rate-per-host=N";
    case Reason::session_conflict:
      return "another source port on the remote";
    default:
      return {};
  }
}

}  // namespace

std::string Engine::Pipeline::describe_mapping(std::uint32_t mapping) const {
  const MappingView view = tables_.view(mapping);
  std::string text =
      std::to_string(view.id) + ": " + view.internal.to_string() + " = " + view.external.to_string();
  if (view.remote != Endpoint{}) {
    text +=
        view.remote.port == 0 ? " for " + view.remote.address.to_string() : " for " + view.remote.to_string();
  }
  if (view.expires != kNever) text += ", expires in " + clock_text(view.expires - tables_.now());
  if (view.origin == Origin::configured)
    text += ", configured" + (view.name.empty() ? "" : " \"" + view.name + "\"");
  return text;
}

Explanation Engine::Pipeline::explain(const Probe& probe, TimePoint now) {
  tables_.set_now(now);
  Explanation explanation;
  explanation.source = probe.source;
  explanation.destination = probe.destination;
  Flow flow;
  flow.protocol = probe.protocol;
  flow.source = probe.source;
  flow.destination = probe.destination;
  flow.tcp_flags = probe.tcp_flags;
  if (flow.protocol == Protocol::icmp) {
    flow.echo_reply = probe.in == Realm::external;
    (probe.in == Realm::internal ? flow.destination : flow.source).port = 0;
  }
  explanation.steps.push_back({"parse", "ok",
                               probe.in == Realm::external ? "inbound, arrived from the external side"
                                                           : "outbound, arrived from the internal side"});
  const Address source = probe.source.address;
  if (source.unspecified() || source.multicast() || source.broadcast() || source.loopback()) {
    explanation.reason = Reason::invalid_source;
  } else if (tables_.is_external(source)) {
    explanation.reason = Reason::spoofed_source;
  } else if (probe.in == Realm::external) {
    if (tables_.is_external(probe.destination.address)) {
      explain_inbound(flow, false, explanation);
    } else {
      explanation.reason = Reason::not_ours;
    }
  } else {
    explain_outbound(flow, explanation);
  }
  explanation.steps.push_back(
      {"verdict", to_string(action_of(explanation.reason)),
       std::string(to_string(explanation.reason)) + ": " + sentence(explanation.reason)});
  if (action_of(explanation.reason) == Action::drop) {
    explanation.remedy = remedy_for(explanation.reason, probe.protocol);
  }
  return explanation;
}

void Engine::Pipeline::explain_outbound(const Flow& flow, Explanation& explanation) const {
  using Kind = Decision::Kind;
  const bool returns = tables_.is_external(flow.destination.address);
  const Decision decision = decide_outbound(flow);
  explanation.out = Realm::external;
  explanation.reason = Reason::translated;
  const bool known = decision.kind == Kind::session || decision.kind == Kind::recall;
  explanation.steps.push_back({"session", known ? "hit" : "miss",
                               known ? "follows the session with " + flow.destination.to_string()
                                     : "none with " + flow.destination.to_string()});
  if (returns && decision.kind != Kind::session) {
    if (serves(flow.protocol, flow.destination, flow.source)) {
      explanation.steps.push_back({"gateway", "yes", "a socket of the gateway takes it"});
      explanation.reason = Reason::gateway_traffic;
      return;
    }
    if (!tables_.policy().hairpin) {
      explanation.reason = Reason::hairpin_off;
      return;
    }
    const std::uint32_t target = tables_.mappings().find_external(flow.protocol, flow.destination);
    if (flow.protocol == Protocol::icmp || target == kNone || !tables_.alive(target)) {
      explanation.steps.push_back({"hairpin", "miss", "no mapping has " + flow.destination.to_string()});
      explanation.reason = stray(flow);
      return;
    }
  }
  if (decision.kind == Kind::refuse) {
    if (decision.mapping != kNone)
      explanation.steps.push_back({"mapping", "hit", describe_mapping(decision.mapping)});
    explanation.steps.push_back({"admission", "deny", sentence(decision.reason)});
    explanation.reason = decision.reason;
    return;
  }
  if (decision.mapping != kNone) {
    explanation.steps.push_back({"mapping", "hit", describe_mapping(decision.mapping)});
    explanation.source = tables_.mappings()[decision.mapping].external;
  } else {
    explanation.steps.push_back(
        {"mapping", "new",
         std::string("would be made, ") + to_string(tables_.policy().of(flow.protocol).mapping)});
    explanation.source = {tables_.external_for(flow.source.address), 0};
  }
  if (!returns) return;
  Flow second = flow;
  second.source = explanation.source;
  explanation.steps.push_back({"hairpin", "yes", flow.destination.to_string() + " is one of natd's own"});
  if (explanation.source == flow.destination) {
    // It talks to itself: the session it leaves by is the one it comes back on.
    explanation.out = Realm::internal;
    explanation.destination = flow.source;
    explanation.reason = Reason::hairpinned;
    return;
  }
  explain_inbound(second, true, explanation);
  if (explanation.reason != Reason::translated) return;
  explanation.reason = Reason::hairpinned;
  if (tables_.policy().misbehavior.hairpin_internal_source) explanation.source = flow.source;
}

void Engine::Pipeline::explain_inbound(const Flow& flow, bool hairpinned, Explanation& explanation) const {
  using Kind = Decision::Kind;
  const Decision decision = decide_inbound(flow, hairpinned);
  explanation.out = Realm::internal;
  const bool known = decision.session != kNone;
  if (!hairpinned) {
    explanation.steps.push_back({"session", known ? "hit" : "miss",
                                 (known ? "one exists with " : "none with ") + flow.source.to_string()});
  }
  if (decision.kind == Kind::gateway) {
    explanation.steps.push_back({"gateway", "yes", "a socket of the gateway takes it"});
    explanation.reason = Reason::gateway_traffic;
    return;
  }
  if (decision.mapping == kNone) {
    explanation.steps.push_back({"mapping", "miss", "none has " + flow.destination.to_string()});
    explanation.reason = decision.reason;
    return;
  }
  explanation.steps.push_back({"mapping", "hit", describe_mapping(decision.mapping)});
  const Mapping& mapping = tables_.mappings()[decision.mapping];
  const std::string behavior = mapping.origin == Origin::configured
                                   ? "configured: any remote"
                                   : to_string(tables_.policy().of(flow.protocol).filtering);
  if (decision.kind == Kind::refuse) {
    const bool filtered =
        decision.reason == Reason::filtered_by_address || decision.reason == Reason::filtered_by_port;
    if (filtered) {
      explanation.steps.push_back(
          {"filtering", "deny", behavior + "; contacted: " + contacted_text(decision.mapping)});
    } else {
      explanation.steps.push_back({"admission", "deny", sentence(decision.reason)});
    }
    explanation.reason = decision.reason;
    return;
  }
  explanation.steps.push_back({"filtering", "allow",
                               hairpinned && !tables_.policy().hairpin_filter
                                   ? "hairpinned packets are not filtered"
                               : known ? "the session is open"
                                       : behavior});
  explanation.destination = mapping.internal;
  explanation.reason = Reason::translated;
}

// The remotes the mapping has contacted, the first few.
std::string Engine::Pipeline::contacted_text(std::uint32_t mapping) const {
  constexpr unsigned kMost = 4;
  const Mapping& m = tables_.mappings()[mapping];
  const SessionTable& sessions = tables_.sessions();
  std::string text;
  unsigned shown = 0;
  for (const SessionList* list : {&m.answered, &m.remembered}) {
    for (std::uint32_t s = list->head; s != kNone && shown < kMost; s = sessions.links(s).next_of_mapping) {
      text += (shown++ == 0 ? "" : ", ") + sessions[s].remote().to_string();
    }
  }
  const std::uint32_t total = m.answered.count + m.remembered.count;
  if (total > shown) text += " and " + std::to_string(total - shown) + " more";
  return text.empty() ? "nobody" : text;
}

}  // namespace nat
