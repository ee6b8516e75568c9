// Engine::explain: the decisions of the pipeline, in words, for a packet that is not touched or need not
// exist.
#include <algorithm>

#include "translation/net/checksum.h"
#include "translation/pipeline/pipeline.h"
#include "translation/trace/remedy.h"

namespace nat {
namespace {

std::string clock_text(Duration left) {
  const auto seconds = std::max<std::int64_t>(0, std::chrono::floor<std::chrono::seconds>(left).count());
  const auto two = [](std::int64_t n) { return (n < 10 ? "0" : "") + std::to_string(n); };
  if (seconds < 3600) return std::to_string(seconds / 60) + ":" + two(seconds % 60);
  return std::to_string(seconds / 3600) + ":" + two(seconds / 60 % 60) + ":" + two(seconds % 60);
}

std::string of(std::uint32_t used, std::uint32_t limit, const char* noun) {
  return std::to_string(used) + " of " + std::to_string(limit) + " " + noun;
}

std::string ranges_text(const std::vector<PortRange>& ranges) {
  std::string text;
  for (const PortRange& range : ranges) {
    text += (text.empty() ? "" : ",") + std::to_string(range.first) + "-" + std::to_string(range.last);
  }
  return text;
}

// A remote without a port is one of an echo, or of an ICMP error.
std::string endpoint_text(Endpoint endpoint) {
  return endpoint.port == 0 ? endpoint.address.to_string() : endpoint.to_string();
}

// The last step, and what would change it.
void conclude(Explanation& explanation, Refused refused, const Tables& tables) {
  explanation.steps.push_back(
      {"verdict", to_string(action_of(explanation.reason)),
       std::string(to_string(explanation.reason)) + ": " + sentence(explanation.reason)});
  if (action_of(explanation.reason) != Action::drop) return;
  refused.reason = explanation.reason;
  Remedy remedy = remedy_for(refused, tables.policy(), tables.profiles()[refused.profile]);
  explanation.remedy = std::move(remedy.text);
  explanation.setting = std::move(remedy.setting);
}

const char* side_text(Realm in) {
  return in == Realm::external ? "inbound, arrived from the external side"
                               : "outbound, arrived from the internal side";
}

}  // namespace

struct Pipeline::Account : Explanation {
  Refused facts;
  Address opened;  // as decide_inbound has it

  void step(const char* name, const char* outcome, std::string detail) {
    steps.push_back({name, outcome, std::move(detail)});
  }
};

Explanation Pipeline::explain(const Packet& packet, Realm in, TimePoint now) {
  tables_.set_now(now);
  return account(packet, in, std::nullopt);
}

Explanation Pipeline::explain(const Probe& probe, TimePoint now) {
  tables_.set_now(now);
  Account account;
  Flow flow;
  flow.protocol = probe.protocol;
  flow.source = account.source = probe.source;
  flow.destination = account.destination = probe.destination;
  flow.tcp_flags = probe.tcp_flags;
  if (flow.protocol == Protocol::icmp) {
    flow.echo_reply = probe.in == Realm::external;
    (probe.in == Realm::internal ? flow.destination : flow.source).port = 0;
  }
  account.step("parse", "ok", side_text(probe.in));
  if (const auto reason = judge_source(probe.source.address, false)) {
    account.reason = *reason;
  } else if (probe.in == Realm::internal && !tables_.is_external(probe.destination.address) &&
             is_exempt(probe.protocol, probe.destination)) {
    account.step("exempt", "yes", "nat.exempt names the remote");
    account.reason = Reason::exempt;
  } else if (probe.in == Realm::internal || tables_.is_external(probe.destination.address)) {
    explain_flow(flow, probe.in, account);
  }
  account.facts.protocol = probe.protocol;
  account.facts.destination = probe.destination;
  conclude(account, account.facts, tables_);
  return account;
}

Explanation Pipeline::account(const Packet& packet, Realm in, std::optional<Reason> happened) const {
  Account account;
  explain_packet(packet, in, happened, account);
  if (happened) account.reason = *happened;
  conclude(account, account.facts, tables_);
  return account;
}

void Pipeline::explain_packet(const Packet& packet, Realm in, std::optional<Reason> happened,
                              Account& account) const {
  PacketView view;
  if (const auto reason = PacketView::parse(packet.octets, view)) {
    account.step("parse", "deny", sentence(*reason));
    account.reason = *reason;
    return;
  }
  account.portless = !view.translatable() || view.icmp_error();
  account.source = account.portless ? Endpoint{view.source_address(), 0} : view.source();
  account.destination = account.portless ? Endpoint{view.destination_address(), 0} : view.destination();
  account.facts.destination = account.destination;
  if (view.translatable()) account.facts.protocol = view.protocol();
  account.step("parse", "ok", std::string(side_text(in)) + ": " + describe(view));
  if (const auto reason = judge_header(view, packet)) {
    account.reason = *reason;
    return;
  }
  if (in == Realm::external && !tables_.is_external(view.destination_address())) {
    account.reason = Reason::not_ours;
    return;
  }
  if (view.fragmented() && !explain_fragment(view, in, happened, account)) return;
  explain_whole(view, packet, in, account);
  if (!happened) explain_hop(view, packet, account);
}

// The router that natd runs on looks at the time to live behind natd's back, where it has not done so before.
void Pipeline::explain_hop(const PacketView& view, const Packet& packet, Account& account) const {
  const bool routed = action_of(account.reason) == Action::forward &&
                      !tables_.is_external(account.destination.address);  // the gateway's own
  if (view.ttl() > 1 || packet.hop_counted || !routed) return;
  account.step("ttl", "deny",
               "natd would translate it, but the router that natd runs on forwards it no further");
  account.reason = Reason::ttl_expired;
}

// Whether the packet goes on through the pipeline, as first fragments do.
bool Pipeline::explain_fragment(const PacketView& view, Realm in, std::optional<Reason> happened,
                                Account& account) const {
  const Policy& policy = tables_.policy();
  // A first fragment that went on is known, and would seem to overlap itself.
  const bool of_memory = happened == Reason::fragment_overlap || happened == Reason::fragment_limit;
  if (happened && !view.later_fragment() && !of_memory) return true;
  const Fragments::Preview preview = fragments_.preview(view, in, policy, tables_.now(), happened);
  const bool given_up = happened == Reason::fragment_timeout ||
                        (happened == Reason::fragment_limit && preview.reason != *happened);
  if (given_up) {
    account.step("fragments", "deny",
                 "waited for the first fragment, at most " + clock_text(policy.timeouts.fragment_wait) +
                     " (fragments.wait)");
    account.facts.limit = fragments_.limit_met();
    return false;
  }
  if (!view.later_fragment() && preview.reason == Reason::translated) {
    account.step("fragments", "first", "what is decided for it holds for the others of its datagram");
    return true;
  }
  account.reason = preview.reason;
  account.facts.limit = preview.limit;
  if (preview.reason == Reason::fragment_held) {
    account.step("fragments", "hold",
                 "waits for the first fragment, at most " + clock_text(policy.timeouts.fragment_wait) +
                     " (fragments.wait)");
  } else if (preview.decision != nullptr) {
    account.step("fragments", "hit",
                 std::string("follows its first fragment: ") + to_string(preview.decision->reason));
  } else {
    account.step("fragments", "deny", sentence(preview.reason));
  }
  if (action_of(preview.reason) == Action::forward) {
    account.out = preview.decision->out;
    account.source = {preview.decision->source, 0};
    account.destination = {preview.decision->destination, 0};
  }
  return false;
}

void Pipeline::explain_whole(const PacketView& view, const Packet& packet, Realm in, Account& account) const {
  if (in == Realm::internal && !packet.from_gateway && is_exempt(view)) {
    account.step("exempt", "yes", "nat.exempt names the remote");
    account.reason = Reason::exempt;
    return;
  }
  if (!view.translatable()) {
    const bool icmp = view.ip_protocol() == static_cast<std::uint8_t>(Protocol::icmp);
    account.reason = packet.from_gateway ? Reason::not_ours
                     : icmp              ? Reason::icmp_unsupported
                                         : Reason::unsupported_protocol;
    return;
  }
  if (view.icmp_error()) {
    explain_error(view, in, account);
    if (packet.from_gateway && action_of(account.reason) == Action::drop) account.reason = Reason::not_ours;
    return;
  }
  if (packet.from_gateway && !(view.icmp_query() && view.icmp_type() == icmp::kEcho)) {
    account.reason = Reason::not_ours;
    return;
  }
  explain_flow(flow_of(view, in), in, account);
}

void Pipeline::explain_error(const PacketView& view, Realm in, Account& account) const {
  if (view.fragmented()) {
    account.reason = Reason::icmp_fragmented;
    return;
  }
  if (internet_checksum({view.transport(), view.transport_length()}) != 0) {
    account.step("checksum", "deny", "the error's own is wrong");
    account.reason = Reason::icmp_bad_checksum;
    return;
  }
  Quote quote;
  if (const auto reason = view.quote(quote)) {
    account.step("quote", "deny", sentence(*reason));
    account.reason = *reason;
    return;
  }
  account.step("quote", "ok",
               "about " + std::string(to_string(quote.protocol)) + " " + quote.source.to_string() + " > " +
                   quote.destination.to_string());
  if (in == Realm::external) {
    explain_error_inbound(quote, remote_of(quote, quote.destination), account);
    const bool ours =
        account.reason == Reason::icmp_no_session && serves(quote.protocol, quote.source, quote.destination);
    if (ours) account.reason = Reason::gateway_traffic;
  } else {
    explain_error_outbound(view, quote, account);
  }
}

void Pipeline::explain_error_inbound(const Quote& quote, Endpoint remote, Account& account) const {
  const SessionTable& sessions = tables_.sessions();
  const std::uint32_t number = sessions.find_inbound({quote.protocol, quote.source, remote});
  const bool found = open(number);
  account.step(
      "session", found ? "hit" : "miss",
      (found ? "one exists of " : "none of ") + quote.source.to_string() + " with " + endpoint_text(remote));
  account.reason = found ? Reason::translated : Reason::icmp_no_session;
  if (!found) return;
  account.out = Realm::internal;
  account.destination = {sessions[number].internal_address, 0};
}

void Pipeline::explain_error_outbound(const PacketView& view, const Quote& quote, Account& account) const {
  const SessionTable& sessions = tables_.sessions();
  const Endpoint remote = remote_of(quote, quote.source);
  const std::uint32_t number = sessions.find_outbound({quote.protocol, quote.destination, remote});
  const bool found = open(number);
  account.step("session", found ? "hit" : "miss",
               (found ? "one exists of " : "none of ") + quote.destination.to_string() + " with " +
                   endpoint_text(remote));
  account.reason = found ? Reason::translated : Reason::icmp_no_session;
  if (!found) return;
  account.out = Realm::external;
  account.source = {sessions[number].external_address, 0};
  if (!tables_.is_external(view.destination_address())) return;
  explain_error_inbound(quote, sessions[number].external(), account);
  if (account.reason == Reason::translated) account.reason = Reason::hairpinned;
}

void Pipeline::explain_flow(const Flow& flow, Realm in, Account& account) const {
  if (in == Realm::external) {
    explain_inbound(flow, false, account);
  } else {
    explain_outbound(flow, account);
  }
  // Both ends of an echo carry its identifier.
  if (flow.protocol != Protocol::icmp || action_of(account.reason) != Action::forward) return;
  (in == Realm::external ? account.source.port : account.destination.port) =
      in == Realm::external ? account.destination.port : account.source.port;
}

std::string Pipeline::describe_mapping(std::uint32_t mapping) const {
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

void Pipeline::explain_outbound(const Flow& flow, Account& account) const {
  using Kind = Decision::Kind;
  const bool returns = tables_.is_external(flow.destination.address);
  const Decision decision = decide_outbound(flow);
  account.out = Realm::external;
  account.reason = Reason::translated;
  const bool known = decision.session != kNone;
  const std::string remote = endpoint_text(flow.destination);
  account.step("session", known ? "hit" : "miss",
               known ? "follows the session with " + remote : "none with " + remote);
  if (returns && decision.kind != Kind::session && !explain_target(flow, account)) return;
  if (decision.mapping != kNone) {
    account.step("mapping", "hit", describe_mapping(decision.mapping));
    account.source = tables_.mappings()[decision.mapping].external;
  } else if (decision.kind == Kind::map) {
    account.step("mapping", "new",
                 std::string("would be made, ") +
                     to_string(tables_.profiles()[profile_of(flow)].of(flow.protocol).mapping));
    account.source = tables_.external_for(flow.protocol, flow.source, flow.destination);
  }
  if (decision.kind != Kind::session && !explain_room(flow, decision, account)) return;
  if (!returns) return;
  if (decision.kind != Kind::session) account.opened = flow.source.address;
  explain_return(flow, account);
}

// The inbound half of a hairpinned packet.
void Pipeline::explain_return(const Flow& flow, Account& account) const {
  Flow second = flow;
  second.source = account.source;
  account.step("hairpin", "yes", flow.destination.to_string() + " is one of natd's own");
  if (account.source == flow.destination) {
    // It talks to itself: the session it leaves by is the one it comes back on.
    account.out = Realm::internal;
    account.destination = flow.source;
    account.reason = Reason::hairpinned;
    return;
  }
  explain_inbound(second, true, account);
  if (account.source.port == 0) explain_draw(flow, account);
  if (account.reason != Reason::translated) return;
  account.reason = Reason::hairpinned;
  if (tables_.policy().misbehavior.hairpin_internal_source) account.source = flow.source;
}

// The port that the sender will get is taken for one that nobody has talked to. It may be one that the
// receiver still has a session with, from when another mapping had it; only the draw will tell.
void Pipeline::explain_draw(const Flow& flow, Account& account) const {
  const std::uint32_t target = tables_.mappings().find_external(flow.protocol, flow.destination);
  const char* otherwise = "it would need no further session, or meet session-conflict";
  switch (account.reason) {
    case Reason::filtered_by_address:
      return;
    case Reason::filtered_by_port:
      if (!tables_.contacted(target, account.source.address)) return;
      otherwise = "the filter would know it";
      break;
    case Reason::translated:
      if (!tables_.has_siblings(target)) return;
      otherwise = "it might meet session-conflict";
      break;
    default:
      break;
  }
  account.step("port", "unknown",
               "the sender's on " + account.source.address.to_string() +
                   " is yet to be drawn; with one that " + tables_.mappings()[target].internal.to_string() +
                   " still has a session with, " + otherwise);
}

// Whether an outbound packet to one of natd's own endpoints finds somebody there.
bool Pipeline::explain_target(const Flow& flow, Account& account) const {
  if (serves(flow.protocol, flow.destination, flow.source)) {
    account.step("gateway", "yes", "a socket of the gateway takes it");
    account.reason = Reason::gateway_traffic;
    return false;
  }
  if (!tables_.policy().hairpin) {
    account.step("hairpin", "deny", "nat.hairpin = no");
    account.reason = Reason::hairpin_off;
    return false;
  }
  const std::uint32_t target = tables_.mappings().find_external(flow.protocol, flow.destination);
  if (flow.protocol != Protocol::icmp && target != kNone && tables_.alive(target)) return true;
  account.step("hairpin", "miss", "no mapping has " + endpoint_text(flow.destination));
  account.reason = stray(flow);
  return false;
}

// What the host uses and what it may use, as a packet without an open session needs some of it.
bool Pipeline::explain_room(const Flow& flow, const Decision& decision, Account& account) const {
  const std::uint8_t profile =
      decision.mapping == kNone ? profile_of(flow) : tables_.mappings()[decision.mapping].profile;
  const Limits& limits = tables_.profiles()[profile].limits;
  std::optional<Reason> refused;
  if (decision.kind == Decision::Kind::refuse) refused = decision.reason;
  if (decision.kind == Decision::Kind::map && tables_.too_fast(flow.source.address, profile)) {
    refused = Reason::creation_rate;
  } else if (decision.kind == Decision::Kind::map && account.source.address.unspecified()) {
    refused = Reason::ports_exhausted;
  }
  account.facts.profile = profile;
  if (refused == Reason::tcp_no_session || refused == Reason::echo_no_session) {
    account.reason = *refused;
    return false;
  }
  const Tables::Supply supply = tables_.supply(flow.protocol, flow.source, profile);
  if (refused == Reason::host_mapping_limit && supply.mappings < limits.mappings_per_host) {
    account.facts.limit = std::string("limits.") + to_string(flow.protocol) + "-mappings-per-host";
  }
  const bool ports_short = refused == Reason::ports_exhausted || refused == Reason::no_external_address;
  account.step("quota", refused && !ports_short ? "deny" : "ok",
               flow.source.address.to_string() + " has " +
                   of(supply.mappings, limits.mappings_per_host, "mappings") + " and " +
                   of(supply.sessions, limits.sessions_per_host, "sessions") +
                   (refused && !ports_short ? std::string("; ") + sentence(*refused) : ""));
  if (decision.mapping == kNone) {
    account.step(
        "ports", ports_short ? "deny" : "ok",
        supply.external.unspecified()
            ? "no external address"
            : supply.external.to_string() + " has " + std::to_string(supply.free) + " free in " +
                  ranges_text(supply.ranges) + ", " + std::to_string(supply.used) + " in use, " +
                  std::to_string(supply.quarantined) + " at rest" +
                  (ports_short && supply.free > 0 ? "; what is free, sockets of the gateway have" : ""));
  }
  if (refused) account.reason = *refused;
  return !refused;
}

void Pipeline::explain_inbound(const Flow& flow, bool hairpinned, Account& account) const {
  using Kind = Decision::Kind;
  const Decision decision = decide_inbound(flow, hairpinned, account.opened);
  account.out = Realm::internal;
  account.facts.hairpinned = hairpinned;
  const bool known = decision.session != kNone;
  const std::string remote = endpoint_text(flow.source);
  if (!hairpinned) {
    account.step("session", known ? "hit" : "miss", (known ? "one exists with " : "none with ") + remote);
  }
  if (decision.kind == Kind::gateway) {
    account.step("gateway", "yes", "a socket of the gateway takes it");
    account.reason = Reason::gateway_traffic;
    return;
  }
  if (decision.mapping == kNone) {
    account.step("mapping", "miss", "none has " + flow.destination.to_string());
    account.reason = decision.reason;
    return;
  }
  account.step("mapping", "hit", describe_mapping(decision.mapping));
  if (decision.kind == Kind::refuse) {
    explain_inbound_refusal(flow, decision, account);
    return;
  }
  account.step("filtering", "allow",
               hairpinned && !tables_.policy().hairpin_filter ? "hairpinned packets are not filtered"
               : known                                        ? "the session is open"
                                                              : filter_text(decision.mapping));
  account.destination = tables_.mappings()[decision.mapping].internal;
  account.reason = Reason::translated;
}

void Pipeline::explain_inbound_refusal(const Flow& flow, const Decision& decision, Account& account) const {
  account.reason = decision.reason;
  const Mapping& mapping = tables_.mappings()[decision.mapping];
  account.facts.profile = mapping.profile;
  switch (decision.reason) {
    case Reason::filtered_by_address:
    case Reason::filtered_by_port:
      account.facts.contacted_address = tables_.contacted(decision.mapping, flow.source.address);
      account.step("filtering", "deny",
                   filter_text(decision.mapping) + "; contacted: " + contacted_text(decision.mapping));
      return;
    case Reason::session_conflict: {
      const SessionTable& sessions = tables_.sessions();
      const std::uint32_t other = sessions.find_outbound({flow.protocol, mapping.internal, flow.source});
      account.facts.rival = sessions[other].external();
      account.step("conflict", "deny",
                   mapping.internal.to_string() + " already talks to " + flow.source.to_string() + " as " +
                       account.facts.rival.to_string());
      return;
    }
    default:
      account.step("admission", "deny", sentence(decision.reason));
  }
}

std::string Pipeline::filter_text(std::uint32_t mapping) const {
  const Mapping& m = tables_.mappings()[mapping];
  return m.origin == Origin::configured ? "configured: any remote"
                                        : to_string(tables_.profile_of(m).of(m.protocol).filtering);
}

// The remotes the mapping has contacted, the first few.
std::string Pipeline::contacted_text(std::uint32_t mapping) const {
  constexpr unsigned kMost = 4;
  const Mapping& m = tables_.mappings()[mapping];
  const SessionTable& sessions = tables_.sessions();
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
