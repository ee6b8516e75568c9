#include "translation/pipeline/decider.h"

#include <algorithm>

#include "translation/net/checksum.h"
#include "translation/ports/local_sockets.h"

namespace nat {

std::optional<Reason> Decider::source_refusal(Address source, Realm in, bool from_gateway) const {
  if (source.unspecified() || source.multicast() || source.broadcast() || source.loopback()) {
    return Reason::invalid_source;
  }
  if (from_gateway) return std::nullopt;
  if (state_.is_external(source)) return Reason::spoofed_source;
  if (in == Realm::internal && !state_.admission.admits(source)) return Reason::foreign_source;
  return std::nullopt;
}

std::optional<Reason> Decider::entry(const PacketView& view, const Packet& packet, Realm in) const {
  if (const auto reason = source_refusal(view.source_address(), in, packet.from_gateway)) return reason;
  if (view.source_routed()) return Reason::source_route;
  if (in == Realm::external && !state_.is_external(view.destination_address())) return Reason::not_ours;
  return options_refusal(view, packet, in);
}

// What is exempt leaves with its internal addresses anyway, and the gateway has no internal one in its own.
std::optional<Reason> Decider::options_refusal(const PacketView& view, const Packet& packet, Realm in) const {
  if (!view.address_options() || state_.policy.address_options == AddressOptions::blank) return std::nullopt;
  if (packet.from_gateway || (in == Realm::internal && is_exempt(view))) return std::nullopt;
  return Reason::address_option;
}

Route Decider::route(const PacketView& view, const Packet& packet, Realm in) const {
  using Way = Route::Way;
  const bool internal = in == Realm::internal;
  if (internal && !packet.from_gateway && is_exempt(view)) return {Way::ends, Reason::exempt};
  if (!view.translatable()) {
    if (packet.from_gateway) return {Way::ends, Reason::not_ours};
    const bool icmp = view.ip_protocol() == static_cast<std::uint8_t>(Protocol::icmp);
    if (icmp) return {Way::ends, Reason::icmp_unsupported};
    // No mapping has it, so it is of a tunnel that ends here.
    return {Way::ends, internal ? Reason::unsupported_protocol : Reason::gateway_traffic};
  }
  if (view.icmp_error()) {
    if (view.fragmented()) return {Way::ends, Reason::icmp_fragmented};
    if (internet_checksum({view.transport(), view.transport_length()}) != 0) {
      return {Way::ends, Reason::icmp_bad_checksum};
    }
    return {internal ? Way::error_outbound : Way::error_inbound, {}};
  }
  if (!internal) return {Way::inbound, {}};
  if (packet.from_gateway && !(view.icmp_query() && view.icmp_type() == icmp::kEcho)) {
    return {Way::ends, Reason::not_ours};
  }
  return {state_.is_external(view.destination_address()) ? Way::hairpin : Way::outbound, {}};
}

bool Decider::is_exempt(Protocol protocol, Endpoint remote) const {
  const auto& exempt = state_.policy.exempt;
  return std::any_of(exempt.begin(), exempt.end(), [&](const Exemption& one) {
    return one.remote.contains(remote.address) &&
           (one.every_port() || (protocol != Protocol::icmp && one.ports.contains(remote.port)));
  });
}

// The remote of an ICMP error is that of the packet it quotes.
bool Decider::is_exempt(const PacketView& view) const {
  if (state_.policy.exempt.empty() || state_.is_external(view.destination_address())) return false;
  if (!view.translatable()) return is_exempt(Protocol::icmp, {view.destination_address(), 0});
  if (!view.icmp_error()) return is_exempt(view.protocol(), view.destination());
  Quote quote;
  if (view.quote(quote)) return false;
  if (!quote.checksum_right && state_.policy.strict_quotes) return false;
  return is_exempt(quote.protocol, {view.destination_address(), quote.source.port});
}

bool Decider::serves(Protocol protocol, Endpoint local, Endpoint remote) const {
  return state_.sockets != nullptr && state_.sockets->serves(protocol, local, remote);
}

std::uint8_t Decider::profile_of(const Flow& flow) const {
  return state_.profiles.find(flow.protocol, flow.source, flow.destination.port);
}

std::uint32_t Decider::mapping_of(const Flow& flow) const {
  const Behavior behavior = state_.profiles[profile_of(flow)].of(flow.protocol).mapping;
  return state_.mappings.find_internal(flow.protocol, flow.source, behavior, flow.destination);
}

bool Decider::denied(const Flow& flow) const {
  const std::uint8_t rule = profile_of(flow);
  return rule != 0 && state_.policy.host_rules[rule - 1U].deny;
}

Decision Decider::outbound(const Flow& flow) const {
  using Kind = Decision::Kind;
  // A mapping that every remote may send to needs no session to be answered on; a limit is for state, not for
  // packets.
  const auto no_room = [&](Decision decision) {
    if (flow.protocol == Protocol::tcp || decision.mapping == kNone) return decision;
    const Mapping& m = state_.mappings[decision.mapping];
    const bool one_for_all = m.behavior == Behavior::endpoint_independent && !m.shares;
    if (one_for_all && admits_without_history(decision.mapping, flow.destination, false)) {
      decision.kind = Kind::pass;
    }
    return decision;
  };
  const bool denied = flow.may_open() && this->denied(flow);
  const SessionTable& sessions = state_.sessions;
  const std::uint32_t number = sessions.find_outbound({flow.protocol, flow.source, flow.destination});
  if (number != kNone) {
    const Session& s = sessions[number];
    if (state_.open(number)) return {.kind = Kind::session, .session = number, .mapping = s.mapping};
    if (s.dormant && state_.alive(s.mapping) && flow.may_open()) {
      if (denied) return {.session = number, .mapping = s.mapping, .reason = Reason::denied_by_rule};
      const auto refusal = lifecycle_.session_refusal(flow.source.address, s.mapping, Direction::outbound);
      if (refusal) return no_room({.session = number, .mapping = s.mapping, .reason = *refusal});
      return {.kind = Kind::reopen, .session = number, .mapping = s.mapping};
    }
  }
  if (!flow.may_open()) {
    return {.reason = flow.protocol == Protocol::tcp ? Reason::tcp_no_session : Reason::echo_no_session};
  }
  if (denied) return {.reason = Reason::denied_by_rule};
  std::uint32_t mapping = mapping_of(flow);
  if (mapping != kNone && !state_.alive(mapping)) mapping = kNone;
  if (mapping == kNone) {
    const auto refusal = lifecycle_.refusal(flow.protocol, flow.source, flow.destination);
    if (refusal) return {.reason = *refusal};
  }
  const auto refusal =
      lifecycle_.session_refusal(flow.source.address, mapping, Direction::outbound, profile_of(flow));
  if (refusal) return no_room({.mapping = mapping, .reason = *refusal});
  return {.kind = mapping == kNone ? Kind::map : Kind::open, .mapping = mapping};
}

std::optional<Reason> Decider::hairpin_target(const Flow& flow) const {
  if (serves(flow.protocol, flow.destination, flow.source)) return Reason::gateway_traffic;
  if (!state_.policy.hairpin) return Reason::hairpin_off;
  const std::uint32_t target = state_.mappings.find_external(flow.protocol, flow.destination);
  if (flow.protocol == Protocol::icmp || target == kNone || !state_.alive(target)) return unsolicited(flow);
  return std::nullopt;
}

Decision Decider::inbound(const Flow& flow, bool hairpinned, Address opened) const {
  using Kind = Decision::Kind;
  const SessionTable& sessions = state_.sessions;
  const Endpoint remote = flow.source;
  // An echo request from outside is for the gateway, even if its identifier is that of a ping from inside.
  const bool request = flow.echo_request();
  const std::uint32_t number = sessions.find_inbound({flow.protocol, flow.destination, remote});
  if (number != kNone && !request && state_.alive(sessions[number].mapping)) {
    const Session& s = sessions[number];
    if (s.live && !state_.expired(s)) {
      const auto refusal = s.confirmed ? std::nullopt : filter_refusal(s.mapping, remote, hairpinned);
      if (refusal) return {.session = number, .mapping = s.mapping, .reason = *refusal};
      return {.kind = Kind::session, .session = number, .mapping = s.mapping};
    }
    // Contacted before, so every filter lets it in; a TCP session needs a SYN to begin again.
    if (s.dormant && (flow.protocol != Protocol::tcp || flow.may_open())) {
      if (flow.protocol == Protocol::tcp) {
        const auto refusal = lifecycle_.session_refusal(s.internal_address, s.mapping, Direction::inbound,
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
  const std::uint32_t mapping = state_.mappings.find_external(flow.protocol, flow.destination);
  if (mapping == kNone || request || !state_.alive(mapping)) {
    if (!hairpinned && flow.protocol == Protocol::icmp && serves(flow.protocol, flow.destination, remote)) {
      return {.kind = Kind::gateway};
    }
    return {.reason = unsolicited(flow)};
  }
  if (flow.protocol == Protocol::tcp && !flow.may_open()) {
    return {.mapping = mapping, .reason = Reason::tcp_no_session};
  }
  if (const auto refusal = filter_refusal(mapping, remote, hairpinned)) {
    return {.mapping = mapping, .reason = *refusal};
  }
  const Endpoint internal = state_.mappings[mapping].internal;
  const std::uint32_t other = sessions.find_outbound({flow.protocol, internal, remote});
  if (state_.open(other)) return {.mapping = mapping, .reason = Reason::session_conflict};
  const auto refusal =
      lifecycle_.session_refusal(internal.address, mapping, Direction::inbound, Profiles::kGeneral, opened);
  if (!refusal) return {.kind = Kind::open, .mapping = mapping};
  const bool passes = flow.protocol != Protocol::tcp && admits_without_history(mapping, remote, hairpinned);
  return {.kind = passes ? Kind::pass : Kind::refuse, .mapping = mapping, .reason = *refusal};
}

std::optional<Reason> Decider::filter_refusal(std::uint32_t mapping, Endpoint remote, bool hairpinned) const {
  if (hairpinned && !state_.policy.hairpin_filter) return std::nullopt;
  return filter_refusal(
      mapping, remote,
      {.contacted_address = state_.contacted(mapping, remote.address), .contacted_endpoint = false});
}

bool Decider::admits_without_history(std::uint32_t mapping, Endpoint remote, bool hairpinned) const {
  return (hairpinned && !state_.policy.hairpin_filter) || !filter_refusal(mapping, remote, RemoteHistory{});
}

std::optional<Reason> Decider::filter_refusal(std::uint32_t mapping, Endpoint remote,
                                              RemoteHistory history) const {
  const Mapping& m = state_.mappings[mapping];
  if (m.origin != Origin::dynamic) {
    const auto found = state_.statics.find(m.id);
    const bool admitted = found == state_.statics.end() || found->second.filter.admits(remote);
    return admitted ? std::nullopt : filter(Behavior::address_and_port_dependent, history);
  }
  // A remote endpoint that was contacted has a session, live or dormant, and is not asked about here.
  return filter(state_.profile_of(m).of(m.protocol).filtering, history);
}

std::uint32_t Decider::about_outbound(const Quote& quote) const {
  const std::uint32_t number =
      state_.sessions.find_inbound({quote.protocol, quote.source, remote_of(quote, quote.destination)});
  return state_.open(number) ? number : kNone;
}

std::uint32_t Decider::about_inbound(const Quote& quote, bool from_gateway) const {
  const std::uint32_t number =
      state_.sessions.find_outbound({quote.protocol, quote.destination, remote_of(quote, quote.source)});
  return from_gateway || state_.open(number) ? number : kNone;
}

// A quote with a wrong checksum is believed as far as it names an open session: routers, and other NATs,
// change headers that they quote (docs/decisions.md, D-7).
std::optional<Reason> Decider::quote_refusal(const PacketView& view, Quote& quote) const {
  const Policy& policy = state_.policy;
  if (const auto reason = view.quote(quote)) return reason;
  if (!quote.checksum_right && policy.strict_quotes) return Reason::icmp_quote_bad_checksum;
  const bool refused = quote.address_options && policy.address_options == AddressOptions::refuse;
  return refused ? std::optional(Reason::address_option) : std::nullopt;
}

// The receiver knows its own address; any other that is a host's, or of no use outside, is nothing for it
// (RFC 1918 section 3).
Reason Decider::own_error(const PacketView& view) const {
  const Address receiver = view.destination_address();
  const auto quoted = view.quoted_addresses();
  if (!quoted || is_exempt(view)) return Reason::not_ours;
  for (const Address address : *quoted) {
    if (address == receiver || state_.is_external(address)) continue;
    const bool out_of_place = address.private_use() && !receiver.private_use();
    if (state_.hosts.find(address) != kNone || out_of_place) return Reason::icmp_quotes_internal;
  }
  return Reason::not_ours;
}

}  // namespace nat
