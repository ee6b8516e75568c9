#include "translation/pipeline/pipeline.h"
// ICMP errors (RFC 5508 section 4). They follow the session of the packet they quote and never touch a timer.
#include "translation/net/rewrite.h"

namespace nat {
namespace {

// An error about a packet that left from an external endpoint of ours: the quote's source and the error's
// destination become internal.
void rewrite_inbound(const PacketView& view, Quote& quote, const Session& session) {
  rewrite_quote_source(view, quote, session.internal());
  rewrite_destination_address(view, session.internal_address);
  if (quote.address_options) blank_quote_address_options(view, quote);
}

}  // namespace

Verdict Pipeline::error_inbound(const PacketView& view) {
  Quote quote;
  if (const auto reason = decider_.quote_refusal(view, quote)) return refuse(*reason);
  const std::uint32_t number = decider_.about_outbound(quote);
  if (number != kNone) {
    rewrite_inbound(view, quote, state_.sessions[number]);
    return {.reason = Reason::translated, .out = Realm::internal};
  }
  if (decider_.serves(quote.protocol, quote.source, quote.destination))
    return refuse(Reason::gateway_traffic);
  return refuse(Reason::icmp_no_session);
}

// An error about a packet that was delivered to an internal endpoint: the quote's destination and the error's
// source become external.
Verdict Pipeline::error_outbound(const PacketView& view, bool from_gateway) {
  Quote quote;
  if (const auto reason = decider_.quote_refusal(view, quote)) return refuse(*reason);
  const std::uint32_t number = decider_.about_inbound(quote, from_gateway);
  if (number == kNone) return refuse(Reason::icmp_no_session);
  const Session& session = state_.sessions[number];
  // Both sides of a hairpinned session must be there before anything is changed.
  const bool returns = state_.is_external(view.destination_address());
  Quote external = quote;
  external.destination = session.external();
  const std::uint32_t other = returns ? decider_.about_outbound(external) : kNone;
  if (returns && other == kNone) return refuse(Reason::icmp_no_session);
  const Address original = view.source_address();
  rewrite_quote_destination(view, quote, session.external());
  rewrite_source_address(view, session.external_address);
  if (quote.address_options) blank_quote_address_options(view, quote);
  refresh_identification(view);
  if (!returns) return {.reason = Reason::translated, .out = Realm::external};
  rewrite_inbound(view, quote, state_.sessions[other]);
  return {.reason = Reason::hairpinned, .out = Realm::internal, .hairpin_source = original};
}

}  // namespace nat
