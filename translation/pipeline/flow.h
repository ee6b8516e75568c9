// A packet as far as the tables are concerned.
#pragma once

#include "translation/net/packet.h"
#include "translation/protocols/tcp_tracker.h"

namespace nat {

// The identifier of an ICMP echo belongs to the host that asks: the remote has no port then, on whichever
// side of the packet it stands.
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

inline Flow flow_of(const PacketView& view, Realm in) {
  Flow flow;
  flow.protocol = view.protocol();
  flow.source = view.source();
  flow.destination = view.destination();
  if (flow.protocol == Protocol::tcp) flow.tcp_flags = view.tcp_flags();
  if (flow.protocol == Protocol::icmp) {
    flow.echo_reply = view.icmp_type() == icmp::kEchoReply;
    (in == Realm::internal ? flow.destination : flow.source).port = 0;
  }
  return flow;
}

// One end of a quoted packet as sessions know it when it is the remote.
inline Endpoint remote_of(const Quote& quote, Endpoint end) {
  return quote.query ? Endpoint{end.address, 0} : end;
}

// Why a packet to an external endpoint that no mapping has is dropped.
constexpr Reason unsolicited(const Flow& flow) {
  if (flow.protocol == Protocol::udp) return Reason::no_mapping;
  if (flow.protocol == Protocol::icmp) return flow.echo_reply ? Reason::echo_no_session : Reason::no_mapping;
  return bare_syn(flow.tcp_flags) ? Reason::unsolicited_syn : Reason::tcp_no_session;
}

}  // namespace nat
