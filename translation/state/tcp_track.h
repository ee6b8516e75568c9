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

// What the tracker keeps of one session. It fits into the cache line that a session is
// (state/session_table.h).
struct TcpTrack {
  SessionState state = SessionState::closed;
  // Bit 0 is the internal side, bit 1 the external one.
  std::uint8_t acknowledged : 2 = 0;  // an ACK was seen from it: the established timer needs both (RFC 5382)
  std::uint8_t edge_known : 2 = 0;    // its `edge` holds something
  std::uint8_t syn_waits : 2 = 0;  // it sent a SYN without ACK that is not answered yet; one side at a time
  // The window scale that the side offered; kNoScale when its SYN offered none.
  std::uint8_t scale_internal : 4 = 0;
  std::uint8_t scale_external : 4 = 0;
  std::uint8_t scale_waiting : 4 = 0;  // of the SYN that waits
  std::uint32_t syn_sequence = 0;      // likewise
  // The first sequence number that the side does not yet allow its peer to send.
  std::uint32_t edge[2] = {0, 0};

  static constexpr std::uint8_t kNoScale = 15;
};
static_assert(sizeof(TcpTrack) == 16);

}  // namespace nat
