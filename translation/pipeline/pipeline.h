// The way of a packet through the engine. Decider says what would happen; the pipeline lets it happen: it
// commits the decision to the tables, rewrites the packet, and answers what it refuses.
//
//   pipeline.cpp     parse, entry, fragments, route; what every packet needs
//   outbound.cpp     from an internal host to a remote
//   inbound.cpp      from a remote to one of our external endpoints
//   hairpin.cpp      outbound and inbound in one
//   icmp_errors.cpp  errors about packets of sessions
//   answers.cpp      what is said of a packet that was refused
#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "filtering/held_syns.h"
#include "translation/base/rate_limit.h"
#include "translation/net/icmp_error.h"
#include "translation/net/verdict.h"
#include "translation/pipeline/decider.h"
#include "translation/protocols/fragments.h"
#include "translation/protocols/identification.h"
#include "translation/state/lifecycle.h"
#include "translation/state/static_mappings.h"

namespace nat {

class Pipeline {
 public:
  Pipeline(Policy policy, Random& random, LocalSockets* sockets, TimePoint now, EventsKept kept);

  Verdict translate(const Packet& packet, Realm in, TimePoint now);
  void prefetch(std::span<const Packet> packets, std::span<const Realm> in) const;
  // Whether the packet was dropped, and then its event.
  bool take_released(Released& released, Realm& in);
  bool take_generated(GeneratedPacket& packet);
  TimePoint expire(TimePoint now, unsigned budget);

  State& state() { return state_; }
  const State& state() const { return state_; }
  Lifecycle& lifecycle() { return lifecycle_; }
  StaticMappings& statics() { return statics_; }
  const Decider& decider() const { return decider_; }
  const Fragments& fragments() const { return fragments_; }
  const HeldSyns& held_syns() const { return held_syns_; }
  const Lifecycle& lifecycle() const { return lifecycle_; }

 private:
  Verdict run(const PacketView& view, const Packet& packet, Realm in);
  Verdict run_fragment(const PacketView& view, const Packet& packet, Realm in);
  Verdict outbound(const PacketView& view, const Packet& packet);
  Verdict inbound(const PacketView& view, const Packet& packet);
  Verdict hairpin(const PacketView& view, const Packet& packet);
  // The packet of an outbound and of an inbound flow, rewritten.
  Verdict leave(const PacketView& view, const Packet& packet, Endpoint external);
  Verdict deliver(const PacketView& view, const Packet& packet, Endpoint internal);
  Verdict error_outbound(const PacketView& view, bool from_gateway);
  Verdict error_inbound(const PacketView& view);

  // Whether a packet in that direction may follow the session as it is, without a decision.
  bool usable(std::uint32_t session) const {
    const Session& s = state_.sessions[session];
    return s.confirmed && s.live && !state_.expired(s) && (state_.settled() || state_.current(s));
  }
  // What has run out since the last expire(), or is older than the policy, must not be met by a decision.
  void settle_session(std::uint32_t session);
  void settle_outbound(const Flow& flow);
  void settle_inbound(const Flow& flow);
  // The session to use, or kNone with the reason in `decision`.
  std::uint32_t commit_outbound(Decision& decision, const Flow& flow);
  std::uint32_t commit_inbound(Decision& decision, const Flow& flow);
  void touch(std::uint32_t session, const PacketView& view, Direction direction);
  void touch_tcp(std::uint32_t session, const PacketView& view, Direction direction);
  Duration opening_timeout(std::uint32_t mapping) const;
  void refresh_identification(const PacketView& view);
  void lose_mapping(const Flow& flow);

  Verdict finish(Verdict verdict, const PacketView* view, const Packet& packet, Realm in);
  void notify_drop(Reason reason, const PacketView* view, const Packet& packet, Realm in);
  Verdict refuse_inbound(const Decision& decision);
  void answer_refusal(Verdict& verdict, const PacketView& view, Realm in);
  void answer_syn(Verdict& verdict, const PacketView& view);
  // True when more is due now.
  bool expire_syns(unsigned budget);
  void forget_syn(std::uint32_t session);
  // Within the rate that the operator allows; counted either way.
  bool may_send_error();

  State state_;
  Lifecycle lifecycle_;
  StaticMappings statics_;
  Decider decider_;
  HashSecret secret_;
  Fragments fragments_;
  HeldSyns held_syns_;
  std::deque<std::vector<std::uint8_t>> due_errors_;  // for take_generated
  Identifications identifications_;
  RateLimit icmp_rate_;
  std::vector<std::uint8_t> reply_;
};

inline Verdict refuse(Reason reason) { return {.reason = reason}; }

}  // namespace nat
