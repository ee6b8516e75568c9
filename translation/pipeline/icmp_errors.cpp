// ICMP errors (RFC 5508 section 4). They follow the session of the packet they quote and never touch a timer.
#include "translation/net/rewrite.h"
#include "translation/pipeline/pipeline.h"

namespace nat {

// A quote with a wrong checksum is believed as far as it names an open session: routers, and other NATs,
// change headers that they quote (docs/decisions.md, D-7).
std::optional<Reason> Pipeline::judge_quote(const PacketView& view, Quote& quote) const {
  const Policy& policy = tables_.policy();
  if (const auto reason = view.quote(quote)) return reason;
  if (!quote.checksum_right && policy.strict_quotes) return Reason::icmp_quote_bad_checksum;
  const bool refused = quote.address_options && policy.address_options == AddressOptions::refuse;
  return refused ? std::optional(Reason::address_option) : std::nullopt;
}

// The receiver knows its own address; any other that is a host's, or of no use outside, is nothing for it
// (RFC 1918 section 3).
Reason Pipeline::judge_own_error(const PacketView& view) const {
  const Address receiver = view.destination_address();
  const auto quoted = view.quoted_addresses();
  if (!quoted || is_exempt(view)) return Reason::not_ours;
  for (const Address address : *quoted) {
    if (address == receiver || tables_.is_external(address)) continue;
    const bool out_of_place = address.private_use() && !receiver.private_use();
    if (tables_.has_host(address) || out_of_place) return Reason::icmp_quotes_internal;
  }
  return Reason::not_ours;
}

std::uint32_t Pipeline::session_of_quote(const Quote& quote, bool from_gateway) const {
  const std::uint32_t number =
      tables_.sessions().find_outbound({quote.protocol, quote.destination, remote_of(quote, quote.source)});
  return from_gateway || open(number) ? number : kNone;
}

Verdict Pipeline::error_inbound(const PacketView& view) {
  Quote quote;
  if (const auto reason = judge_quote(view, quote)) return refuse(*reason);
  if (error_quote_inbound(view, quote)) return {.reason = Reason::translated, .out = Realm::internal};
  if (serves(quote.protocol, quote.source, quote.destination)) return refuse(Reason::gateway_traffic);
  return refuse(Reason::icmp_no_session);
}

// An error about a packet that left from an external endpoint of ours: the quote's source and the error's
// destination become internal.
bool Pipeline::error_quote_inbound(const PacketView& view, Quote& quote) {
  const SessionTable& sessions = tables_.sessions();
  const std::uint32_t number =
      sessions.find_inbound({quote.protocol, quote.source, remote_of(quote, quote.destination)});
  if (!open(number)) return false;
  rewrite_quote_source(view, quote, sessions[number].internal());
  rewrite_destination_address(view, sessions[number].internal_address);
  if (quote.address_options) blank_quote_address_options(view, quote);
  return true;
}

// An error about a packet that was delivered to an internal endpoint: the quote's destination and the error's
// source become external.
Verdict Pipeline::error_outbound(const PacketView& view, bool from_gateway) {
  Quote quote;
  if (const auto reason = judge_quote(view, quote)) return refuse(*reason);
  const SessionTable& sessions = tables_.sessions();
  const std::uint32_t number = session_of_quote(quote, from_gateway);
  if (number == kNone) return refuse(Reason::icmp_no_session);
  const Address original = view.source_address();
  const bool returns = tables_.is_external(view.destination_address());
  if (returns) {
    // Both sides of a hairpinned session must be there before anything is changed.
    const std::uint32_t other =
        sessions.find_inbound({quote.protocol, quote.source, sessions[number].external()});
    if (!open(other)) return refuse(Reason::icmp_no_session);
  }
  rewrite_quote_destination(view, quote, sessions[number].external());
  rewrite_source_address(view, sessions[number].external_address);
  if (quote.address_options) blank_quote_address_options(view, quote);
  refresh_identification(view);
  if (!returns) return {.reason = Reason::translated, .out = Realm::external};
  if (!error_quote_inbound(view, quote)) return refuse(Reason::icmp_no_session);
  return {.reason = Reason::hairpinned, .out = Realm::internal, .hairpin_source = original};
}

}  // namespace nat
