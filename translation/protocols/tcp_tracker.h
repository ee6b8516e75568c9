// The life of a TCP session as far as a NAT must know it: RFC 7857 section 2 with the detail of RFC 6146
// section 3.5.2.2, as a pure function from (state, segment) to (state, timer). Sequence numbers are looked at
// only to decide whether a RST can belong to the session (RFC 7857 section 2.2) and whether a SYN-ACK answers
// the last SYN; nothing is ever refused because of them.
//
// A connection may begin on a session of any state (RFC 9293 section 3.6.1). Where the session is over, a SYN
// without ACK begins it. Where it is open, or half so, such a SYN may be forged (RFC 5961 section 4) and
// changes nothing: the SYN-ACK that answers it begins the connection, with a window of its own.
#pragma once

#include <cstdint>

#include "translation/net/packet.h"
#include "translation/state/tcp_track.h"

namespace nat {

// Which timer the session runs on after a segment; `keep` leaves the deadline as it is.
enum class TcpTimer : std::uint8_t { keep, opening, established, closing, reset };

// Whether the segment opens a session: SYN alone, or SYN with ACK in a simultaneous open's second half.
constexpr bool opens_session(std::uint8_t flags) {
  return (flags & tcp::kSyn) != 0 && (flags & (tcp::kRst | tcp::kFin)) == 0;
}
// A SYN without ACK.
constexpr bool bare_syn(std::uint8_t flags) { return opens_session(flags) && (flags & tcp::kAck) == 0; }

// Takes one segment; changes `track` and says which timer to arm.
TcpTimer advance(TcpTrack& track, const PacketView& segment, Direction direction);

}  // namespace nat
