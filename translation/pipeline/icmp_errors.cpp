// ICMP errors (RFC 5508 section 4). They follow the session of the packet they quote and never touch a timer.
#include "translation/net/rewrite.h"
#include "translation/pipeline/pipeline.h"

namespace nat {

Verdict Pipeline::error_inbound(const PacketView& view) {
  Quote quote;
  if (const auto reason = view.quote(quote)) return refuse(*reason);
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
  return true;
}

// An error about a packet that was delivered to an internal endpoint: the quote's destination and the error's
// source become external.
Verdict Pipeline::error_outbound(const PacketView& view) {
  Quote quote;
  if (const auto reason = view.quote(quote)) return refuse(*reason);
  const SessionTable& sessions = tables_.sessions();
  const std::uint32_t number =
      sessions.find_outbound({quote.protocol, quote.destination, remote_of(quote, quote.source)});
  if (!open(number)) return refuse(Reason::icmp_no_session);
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
  refresh_identification(view);
  if (!returns) return {.reason = Reason::translated, .out = Realm::external};
  if (!error_quote_inbound(view, quote)) return refuse(Reason::icmp_no_session);
  return {.reason = Reason::hairpinned, .out = Realm::internal, .hairpin_source = original};
}

}  // namespace nat
