// What is said of a packet that was refused: to whoever observes, to its sender where that is proper, and to
// the sender of a SYN, if at all, six seconds later (RFC 5382 REQ-4).
#include "translation/net/icmp_error.h"
#include "translation/net/wire.h"
#include "translation/pipeline/pipeline.h"

namespace nat {
namespace {

// Refusals that the internal host should hear of: nothing is wrong with its packet, there is no room for it.
bool is_exhaustion(Reason reason) {
  switch (reason) {
    case Reason::no_external_address:
    case Reason::ports_exhausted:
    case Reason::mapping_limit:
    case Reason::session_limit:
    case Reason::host_limit:
    case Reason::host_mapping_limit:
    case Reason::host_session_limit:
    case Reason::mapping_session_limit:
    case Reason::creation_rate:
      return true;
    default:
      return false;
  }
}

bool is_unwanted_syn(Reason reason, const PacketView& view) {
  const bool unwanted = reason == Reason::unsolicited_syn || reason == Reason::filtered_by_address ||
                        reason == Reason::filtered_by_port;
  return unwanted && view.protocol() == Protocol::tcp && bare_syn(view.tcp_flags());
}

// Errors that are due and not taken yet.
constexpr std::size_t kMostDueErrors = 1024;

}  // namespace

void Pipeline::notify_drop(Reason reason, const PacketView* view, const Packet& packet, Realm in) {
  DropEvent& drop = state_.events.add_drop(state_.now);
  drop.reason = reason;
  drop.in = in;
  drop.length = static_cast<std::uint16_t>(packet.octets.size());
  drop.from_gateway = packet.from_gateway;
  drop.hop_counted = packet.hop_counted;
  if (view == nullptr) return;
  const bool ports = view->translatable() && !view->icmp_error();
  drop.ip_protocol = view->ip_protocol();
  drop.source = ports ? view->source() : Endpoint{view->source_address(), 0};
  drop.destination = ports ? view->destination() : Endpoint{view->destination_address(), 0};
  if (ports && view->protocol() == Protocol::tcp) drop.tcp_flags = view->tcp_flags();
}

// RFC 6888 REQ-11: the host hears that there is no room, as a soft error that leaves its other connections
// alone. The external side hears nothing.
void Pipeline::answer_refusal(Verdict& verdict, const PacketView& view, Realm in) {
  const Policy& policy = state_.policy;
  if (in == Realm::external) {
    if (is_unwanted_syn(verdict.reason, view) && may_answer(view)) answer_syn(verdict, view);
    return;
  }
  if (!is_exhaustion(verdict.reason) || !may_answer(view) || !may_send_error()) return;
  verdict.reply =
      make_icmp_error(reply_, view, policy.internal_address, icmp::kUnreachable, icmp::kHostUnreachable);
}

bool Pipeline::may_send_error() {
  const Limits& limits = state_.policy.limits;
  if (!icmp_rate_.allow(limits.icmp_rate, limits.icmp_burst, state_.now)) {
    ++state_.counters.icmp_errors_suppressed;
    return false;
  }
  ++state_.counters.icmp_errors_made;
  return true;
}

void Pipeline::answer_syn(Verdict& verdict, const PacketView& view) {
  const Policy& policy = state_.policy;
  switch (policy.misbehavior.syn_answer) {
    case SynAnswer::none:
      if (policy.unsolicited_syn == UnsolicitedSyn::icmp_delayed &&
          !held_syns_.hold(view, policy.limits.held_syns, state_.now)) {
        ++state_.counters.syns_not_held;
      }
      break;
    case SynAnswer::reset:
      if (may_send_error()) verdict.reply = make_reset(reply_, view);
      break;
    case SynAnswer::icmp:
      if (!may_send_error()) break;
      verdict.reply = make_icmp_error(reply_, view, view.destination_address(), icmp::kUnreachable,
                                      icmp::kPortUnreachable);
      break;
  }
}

// Internal and external side have come together on this session.
void Pipeline::forget_syn(std::uint32_t number) {
  const Session& session = state_.sessions[number];
  if (session.protocol == Protocol::tcp) held_syns_.forget(session.external(), session.remote());
}

// True when more is due now.
bool Pipeline::expire_syns(unsigned budget) {
  if (state_.policy.unsolicited_syn == UnsolicitedSyn::silent) held_syns_.clear();
  for (; budget > 0; --budget) {
    if (!held_syns_.take_due(state_.now, reply_)) return false;
    due_errors_.push_back(std::move(reply_));
    if (due_errors_.size() > kMostDueErrors) due_errors_.pop_front();
  }
  return held_syns_.next_deadline() <= state_.now;
}

bool Pipeline::take_generated(GeneratedPacket& own) {
  while (!due_errors_.empty()) {
    reply_ = std::move(due_errors_.front());
    due_errors_.pop_front();
    // The address may have left the pool meanwhile.
    if (!state_.is_external(Address(load32(&reply_[ip::kSource]))) || !may_send_error()) continue;
    own = {.out = Realm::external, .octets = reply_};
    return true;
  }
  return false;
}

}  // namespace nat
