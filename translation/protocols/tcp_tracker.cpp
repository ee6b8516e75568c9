#include "translation/protocols/tcp_tracker.h"

namespace nat {
namespace {

constexpr std::uint8_t kLargestScale = 14;  // RFC 7323 section 2.3

// The window scale option of a SYN, or kNoScale.
std::uint8_t offered_scale(const PacketView& segment) {
  const std::uint8_t* const header = segment.transport();
  const std::size_t length = (std::size_t{header[12]} >> 4) * 4;
  for (std::size_t at = tcp::kHeader; at < length;) {
    const std::uint8_t kind = header[at];
    if (kind == 0) break;
    if (kind == 1) {
      ++at;
      continue;
    }
    if (at + 1 >= length || header[at + 1] < 2 || at + header[at + 1] > length) break;
    if (kind == 3 && header[at + 1] == 3)
      return header[at + 2] < kLargestScale ? header[at + 2] : kLargestScale;
    at += header[at + 1];
  }
  return TcpTrack::kNoScale;
}

unsigned scale_in_use(const TcpTrack& track, unsigned side) {
  if (track.scale_internal == TcpTrack::kNoScale || track.scale_external == TcpTrack::kNoScale) return 0;
  return side == 0 ? track.scale_internal : track.scale_external;
}

void set_scale(TcpTrack& track, unsigned side, std::uint8_t scale) {
  if (side == 0) {
    track.scale_internal = scale & 0xfU;
  } else {
    track.scale_external = scale & 0xfU;
  }
}

bool plausible_reset(const TcpTrack& track, const PacketView& segment, unsigned sender) {
  const unsigned receiver = 1 - sender;
  if ((track.edge_known & (1U << receiver)) == 0) return true;
  const std::uint32_t sequence = load32(segment.transport() + tcp::kSequence);
  const auto beyond = static_cast<std::int32_t>(sequence - track.edge[receiver]);
  const std::int32_t largest_window = std::int32_t{0xffff} << scale_in_use(track, receiver);
  return beyond <= 0 && beyond >= -largest_window;
}

// What a segment with ACK that is no RST says of its sender's window.
void note_window(TcpTrack& track, const PacketView& segment, unsigned sender, std::uint8_t flags) {
  const unsigned bit = 1U << sender;
  track.acknowledged |= bit & 3U;
  const unsigned scale = (flags & tcp::kSyn) ? 0 : scale_in_use(track, sender);
  const std::uint32_t edge = load32(segment.transport() + tcp::kAcknowledgment) +
                             (std::uint32_t{load16(segment.transport() + tcp::kWindow)} << scale);
  if ((track.edge_known & bit) == 0 || static_cast<std::int32_t>(edge - track.edge[sender]) > 0) {
    track.edge[sender] = edge;
  }
  track.edge_known |= bit & 3U;
}

void restart(TcpTrack& track, SessionState state) {
  track = TcpTrack{};
  track.state = state;
}

// A SYN without ACK is only noted: whether it begins anything, its answer says. No remote displaces
// one from inside.
void remember_syn(TcpTrack& track, const PacketView& segment, unsigned sender) {
  if (sender == 1 && track.syn_waits == 1) return;
  track.syn_waits = (1U << sender) & 3U;
  track.syn_sequence = load32(segment.transport() + tcp::kSequence);
  track.scale_waiting = offered_scale(segment) & 0xfU;
}

// Data that came with the SYN may be acknowledged with it (RFC 7413).
bool answers_syn(const TcpTrack& track, const PacketView& segment, unsigned sender) {
  constexpr std::uint32_t kMostData = 0xffff;
  if (track.syn_waits != 1U << (1 - sender)) return false;
  return load32(segment.transport() + tcp::kAcknowledgment) - track.syn_sequence - 1 <= kMostData;
}

// Both SYNs of a connection were seen: whatever was before is over, its window too.
void begin_connection(TcpTrack& track, const PacketView& segment, unsigned sender) {
  const std::uint8_t scale = track.scale_waiting;
  restart(track, SessionState::established);
  set_scale(track, 1 - sender, scale);
  set_scale(track, sender, offered_scale(segment));
}

TcpTimer open_timer(const TcpTrack& track) {
  return track.acknowledged == 3 ? TcpTimer::established : TcpTimer::opening;
}

// ESTABLISHED, C-FIN, S-FIN: a FIN from the side that has not sent one yet moves on.
TcpTimer advance_open(TcpTrack& track, const PacketView& segment, unsigned sender, std::uint8_t flags) {
  if (flags & tcp::kRst) {
    if (!plausible_reset(track, segment, sender)) return TcpTimer::keep;
    track.state = SessionState::reset;
    return TcpTimer::reset;
  }
  if (flags & tcp::kFin) {
    const SessionState own = sender == 0 ? SessionState::internal_fin : SessionState::external_fin;
    if (track.state == SessionState::established) {
      track.state = own;
    } else if (track.state != own) {
      track.state = SessionState::both_fin;
      return TcpTimer::closing;
    }
  }
  return open_timer(track);
}

TcpTimer advance_opening(TcpTrack& track, const PacketView& segment, unsigned sender, std::uint8_t flags) {
  if (!opens_session(flags)) return TcpTimer::keep;
  set_scale(track, sender, offered_scale(segment));
  if ((flags & tcp::kAck) != 0) note_window(track, segment, sender, flags);
  // A repeated SYN re-arms the timer only when it comes from inside.
  const SessionState own_init = sender == 0 ? SessionState::internal_init : SessionState::external_init;
  if (track.state == own_init) return sender == 0 ? TcpTimer::opening : TcpTimer::keep;
  track.state = SessionState::established;
  return open_timer(track);
}

}  // namespace

TcpTimer advance(TcpTrack& track, const PacketView& segment, Direction direction) {
  const unsigned sender = direction == Direction::outbound ? 0 : 1;
  const std::uint8_t flags = segment.tcp_flags();
  if (bare_syn(flags)) {
    const bool over = track.state == SessionState::closed || track.state == SessionState::both_fin ||
                      track.state == SessionState::reset;
    if (over) restart(track, sender == 0 ? SessionState::internal_init : SessionState::external_init);
    remember_syn(track, segment, sender);
    if (over) {
      set_scale(track, sender, track.scale_waiting);
      return TcpTimer::opening;
    }
  } else if (track.syn_waits != 0) {
    const bool answer = opens_session(flags) && answers_syn(track, segment, sender);
    if (answer) begin_connection(track, segment, sender);
    // A host whose SYN waits sends nothing else but resets.
    if (track.syn_waits == 1U << sender && (flags & tcp::kRst) == 0) track.syn_waits = 0;
  }
  if (track.state == SessionState::internal_init || track.state == SessionState::external_init) {
    return advance_opening(track, segment, sender, flags);
  }
  if ((flags & tcp::kAck) != 0 && (flags & tcp::kRst) == 0) note_window(track, segment, sender, flags);
  switch (track.state) {
    case SessionState::established:
    case SessionState::internal_fin:
    case SessionState::external_fin:
      return advance_open(track, segment, sender, flags);
    case SessionState::reset:
      if (flags & tcp::kRst) return TcpTimer::keep;
      track.state = SessionState::established;
      return open_timer(track);
    case SessionState::internal_init:
    case SessionState::external_init:
    case SessionState::both_fin:
    case SessionState::closed:
    case SessionState::active:
      break;
  }
  return TcpTimer::keep;
}

}  // namespace nat
