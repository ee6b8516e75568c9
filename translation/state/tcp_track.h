// What is kept of the TCP connection that a session carries; changed by protocols/tcp_tracker.h alone.
#pragma once

#include <cstdint>

namespace nat {

enum class Direction : std::uint8_t { outbound, inbound };

// The states of RFC 7857 section 2 (C is the internal side, S the external one); UDP and ICMP sessions are
// always `active`.
enum class SessionState : std::uint8_t {
  active,
  internal_init,
  external_init,
  established,
  internal_fin,
  external_fin,
  both_fin,
  reset,
  closed
};
const char* to_string(SessionState state);

// What the tracker remembers of one session, 20 octets.
struct TcpTrack {
  SessionState state = SessionState::closed;
  // An ACK was seen from that side: the established timer needs one from both (RFC 5382 section 5).
  std::uint8_t acknowledged = 0;   // bit 0 internal, bit 1 external
  std::uint8_t edge_known = 0;     // likewise: `edge` holds something
  std::uint8_t scale[2] = {0, 0};  // window scale offered by that side; 255 when its SYN offered none
  // The first sequence number that side does not yet allow its peer to send.
  std::uint32_t edge[2] = {0, 0};
};

}  // namespace nat
