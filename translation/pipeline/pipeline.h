// The way of a packet through the engine. decide_* say what would happen without doing it, which is also what
// Engine::explain shows; translate() decides, commits and rewrites.
#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "filtering/held_syns.h"
#include "translation/base/rate_limit.h"
#include "translation/net/icmp_error.h"
#include "translation/net/verdict.h"
#include "translation/protocols/fragments.h"
#include "translation/protocols/identification.h"
#include "translation/protocols/tcp_tracker.h"
#include "translation/state/tables.h"

namespace nat {

// A packet as far as the tables are concerned. The identifier of an ICMP echo belongs to the host that asks:
// the remote has no port then, on whichever side of the packet it stands.
struct Flow {
  Protocol protocol = Protocol::udp;
  Endpoint source, destination;
  std::uint8_t tcp_flags = 0;
  bool echo_reply = false;

  bool echo_request() const { return protocol == Protocol::icmp && !echo_reply; }
  bool reset() const { return protocol == Protocol::tcp && (tcp_flags & tcp::kRst) != 0; }
  // Whether a packet without a session may make one.
  bool may_open() const { return protocol == Protocol::tcp ? bare_syn(tcp_flags) : !echo_reply; }
};

// What to do with a flow on one side of the gateway.
struct Decision {
  enum class Kind : std::uint8_t {
    session,  // follow this session
    reopen,   // a dormant session: follow it, or open it again
    open,     // open a session on this mapping
    map,      // make a mapping first
    gateway,  // leave it to the gateway's own sockets
    refuse
  };
  Kind kind = Kind::refuse;
  std::uint32_t session = kNone;
  std::uint32_t mapping = kNone;
  Reason reason = Reason::no_mapping;  // when refused
};

class Pipeline {
 public:
  Pipeline(Policy policy, Random& random, LocalSockets* sockets, TimePoint now)
      : tables_(std::move(policy), random, sockets, now),
        secret_{random.next(), random.next()},
        fragments_(secret_),
        held_syns_(secret_),
        identifications_(random, {random.next(), random.next()}) {}

  Verdict translate(const Packet& packet, Realm in, TimePoint now);
  void prefetch(std::span<const Packet> packets, std::span<const Realm> in) const;
  bool take_released(Released& released);
  bool take_generated(GeneratedPacket& own);
  TimePoint expire(TimePoint now, unsigned budget);
  Explanation explain(const Packet& packet, Realm in, TimePoint now);
  Explanation explain(const Probe& probe, TimePoint now);

  Tables& tables() { return tables_; }
  const Fragments& fragments() const { return fragments_; }
  const HeldSyns& held_syns() const { return held_syns_; }

 private:
  // Judging without changing anything.
  std::optional<Reason> judge_source(Address source, bool from_gateway) const;
  std::optional<Reason> judge_header(const PacketView& view, const Packet& packet) const;
  std::optional<Reason> judge_options(const PacketView& view, const Packet& packet, Realm in) const;
  // Finds the quoted packet, and says why the error that quotes it is to be refused whatever it is about.
  std::optional<Reason> judge_quote(const PacketView& view, Quote& quote) const;
  // What becomes of an error of the gateway's own that was not translated.
  Reason judge_own_error(const PacketView& view) const;
  // The session that an error going out is about, or kNone. The gateway's own may be about a packet that came
  // in on a session no longer open.
  std::uint32_t session_of_quote(const Quote& quote, bool from_gateway) const;
  Decision decide_outbound(const Flow& flow) const;
  // `opened` is the host for whom the outbound half of a hairpinned packet would have opened a session by
  // then.
  Decision decide_inbound(const Flow& flow, bool hairpinned, Address opened = {}) const;
  std::optional<Reason> filter_refusal(std::uint32_t mapping, Endpoint remote, bool hairpinned) const;
  bool is_exempt(Protocol protocol, Endpoint remote) const;
  bool is_exempt(const PacketView& view) const;
  bool serves(Protocol protocol, Endpoint local, Endpoint remote) const;
  // Whether there is such a session at this instant, whatever expire() has come to.
  bool open(std::uint32_t session) const;

  // Doing.
  Verdict run(const PacketView& view, const Packet& packet, Realm in);
  Verdict run_fragment(const PacketView& view, const Packet& packet, Realm in);
  Verdict outbound(const PacketView& view, const Packet& packet);
  Verdict inbound(const PacketView& view, const Packet& packet);
  Verdict hairpin(const PacketView& view, const Packet& packet);
  Verdict error_outbound(const PacketView& view, bool from_gateway);
  Verdict error_inbound(const PacketView& view);
  bool error_quote_inbound(const PacketView& view, Quote& quote);
  void expire_session(std::uint32_t session);
  void expire_outbound(const Flow& flow);
  void expire_inbound(const Flow& flow);
  // The session to use, or kNone with the reason in `decision`.
  std::uint32_t commit_outbound(Decision& decision, const Flow& flow);
  std::uint32_t commit_inbound(Decision& decision, const Flow& flow);
  void touch(std::uint32_t session, const PacketView& view, Direction direction);
  // The profile of what an outbound flow would make.
  std::uint8_t profile_of(const Flow& flow) const;
  // The mapping that an outbound flow would leave by, whether it lives or not; kNone when there is none.
  std::uint32_t mapping_of(const Flow& flow, std::uint8_t profile) const;
  Duration opening_timeout(std::uint32_t mapping) const;
  void refresh_identification(const PacketView& view);
  Verdict finish(Verdict verdict, const PacketView* view, const Packet& packet, Realm in);
  void answer_refusal(Verdict& verdict, const PacketView& view, Realm in);
  void answer_syn(Verdict& verdict, const PacketView& view);
  bool expire_syns(unsigned budget);
  void forget_syn(std::uint32_t session);
  // Within the rate that the operator allows; counted either way.
  bool may_send_error();
  Verdict refuse_inbound(const Decision& decision);
  void lose_mapping(const Flow& flow);
  void tell_refusal(Reason reason, const PacketView* view, const Packet& packet, Realm in);

  // Explaining (explain.cpp). With `happened`, what became of the packet just now, else what would.
  struct Account;
  Explanation account(const Packet& packet, Realm in, std::optional<Reason> happened) const;
  void explain_packet(const Packet& packet, Realm in, std::optional<Reason> happened, Account& account) const;
  bool explain_fragment(const PacketView& view, Realm in, std::optional<Reason> happened,
                        Account& account) const;
  void explain_whole(const PacketView& view, const Packet& packet, Realm in, Account& account) const;
  void explain_hop(const PacketView& view, const Packet& packet, Account& account) const;
  void explain_error(const PacketView& view, const Packet& packet, Realm in, Account& account) const;
  void explain_error_inbound(const Quote& quote, Endpoint remote, Account& account) const;
  void explain_error_outbound(const PacketView& view, const Quote& quote, bool from_gateway,
                              Account& account) const;
  void explain_flow(const Flow& flow, Realm in, Account& account) const;
  void explain_outbound(const Flow& flow, Account& account) const;
  bool explain_target(const Flow& flow, Account& account) const;
  void explain_return(const Flow& flow, Account& account) const;
  void explain_draw(const Flow& flow, Account& account) const;
  bool explain_room(const Flow& flow, const Decision& decision, Account& account) const;
  void explain_inbound(const Flow& flow, bool hairpinned, Account& account) const;
  void explain_inbound_refusal(const Flow& flow, const Decision& decision, Account& account) const;
  std::string filter_text(std::uint32_t mapping) const;
  std::string describe_mapping(std::uint32_t mapping) const;
  std::string contacted_text(std::uint32_t mapping) const;

  Tables tables_;
  HashSecret secret_;
  Fragments fragments_;
  HeldSyns held_syns_;
  std::deque<std::vector<std::uint8_t>> due_errors_;  // for take_generated
  Identifications identifications_;
  RateLimit icmp_rate_;
  std::vector<std::uint8_t> reply_;
};

inline Verdict refuse(Reason reason) { return {.reason = reason}; }

Flow flow_of(const PacketView& view, Realm in);
// One end of a quoted packet as sessions know it when it is the remote.
inline Endpoint remote_of(const Quote& quote, Endpoint end) {
  return quote.query ? Endpoint{end.address, 0} : end;
}
// Why a packet to an external endpoint that no mapping has is dropped.
Reason stray(const Flow& flow);

}  // namespace nat
