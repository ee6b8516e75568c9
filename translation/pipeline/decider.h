// What becomes of a packet, decided without changing anything. Translating a packet and tracing one that need
// not exist ask the same questions here, in the same order:
//
//   entry()   may a packet like this come in at all, from that side
//   (the fragment memory, for a fragment)
//   route()   which way it takes
//   outbound(), hairpin_target(), inbound(), about_outbound(), about_inbound()   what it meets on that way
#pragma once

#include <optional>

#include "filtering/filter.h"
#include "translation/net/verdict.h"
#include "translation/pipeline/flow.h"
#include "translation/state/lifecycle.h"

namespace nat {

// Which way a packet takes.
struct Route {
  enum class Way : std::uint8_t {
    ends,            // here, with a reason
    outbound,        // from an internal host to a remote
    inbound,         // from a remote to an external endpoint of ours
    hairpin,         // from an internal host to an external endpoint of ours
    error_outbound,  // ICMP, about a packet that was delivered to an internal host
    error_inbound    // ICMP, about a packet that left from an external endpoint of ours
  };
  Way way = Way::ends;
  Reason reason = Reason::not_ours;
};

// What a flow meets on one side of the gateway.
struct Decision {
  enum class Kind : std::uint8_t {
    session,  // follow this session
    reopen,   // a dormant session: follow it, or open it again
    open,     // open a session on this mapping
    map,      // make a mapping first
    pass,     // use the mapping, without a session: there is no room for one, and none is needed
    gateway,  // leave it to the gateway's own sockets
    refuse
  };
  Kind kind = Kind::refuse;
  std::uint32_t session = kNone;
  std::uint32_t mapping = kNone;
  Reason reason = Reason::no_mapping;  // when refused, or why there is no room where it passes
};

class Decider {
 public:
  Decider(const State& state, const Lifecycle& lifecycle) : state_(state), lifecycle_(lifecycle) {}

  // A reason to end it at once.
  std::optional<Reason> entry(const PacketView& view, const Packet& packet, Realm in) const;
  std::optional<Reason> source_refusal(Address source, Realm in, bool from_gateway) const;
  Route route(const PacketView& view, const Packet& packet, Realm in) const;
  bool is_exempt(Protocol protocol, Endpoint remote) const;

  Decision outbound(const Flow& flow) const;
  // Why a hairpinned packet without a session of its own meets no internal host.
  std::optional<Reason> hairpin_target(const Flow& flow) const;
  // `opened` is the host for whom the outbound half of a hairpinned packet would have opened a session by
  // then.
  Decision inbound(const Flow& flow, bool hairpinned, Address opened = {}) const;
  std::optional<Reason> filter_refusal(std::uint32_t mapping, Endpoint remote, bool hairpinned) const;
  // Whether a rule denies what the flow would open.
  bool denied(const Flow& flow) const;

  // Finds the quoted packet, and says why the error that quotes it is to be refused whatever it is about.
  std::optional<Reason> quote_refusal(const PacketView& view, Quote& quote) const;
  // The session of the packet that an ICMP error quotes: one that left, or one that was delivered. kNone when
  // there is none. The gateway's own error may be about a packet that came in on a session no longer open.
  std::uint32_t about_outbound(const Quote& quote) const;
  std::uint32_t about_inbound(const Quote& quote, bool from_gateway) const;
  // What becomes of an error of the gateway's own that was not translated.
  Reason own_error(const PacketView& view) const;

  bool serves(Protocol protocol, Endpoint local, Endpoint remote) const;
  // The profile of what an outbound flow would make.
  std::uint8_t profile_of(const Flow& flow) const;
  // The mapping that an outbound flow would leave by, whether it lives or not; kNone when there is none.
  std::uint32_t mapping_of(const Flow& flow) const;

 private:
  bool is_exempt(const PacketView& view) const;
  std::optional<Reason> filter_refusal(std::uint32_t mapping, Endpoint remote, RemoteHistory history) const;
  // Whether every packet of the remote may use the mapping, whatever went out by it before.
  bool admits_without_history(std::uint32_t mapping, Endpoint remote, bool hairpinned) const;
  std::optional<Reason> options_refusal(const PacketView& view, const Packet& packet, Realm in) const;

  const State& state_;
  const Lifecycle& lifecycle_;
};

}  // namespace nat
