#include "translation/protocols/tcp_tracker.h"

namespace nat {
namespace {

constexpr std::uint8_t kNoScale = 255;
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
  return kNoScale;
}

unsigned scale_in_use(const TcpTrack& track, unsigned side) {
  return track.scale[0] == kNoScale || track.scale[1] == kNoScale ? 0 : track.scale[side];
}

bool plausible_reset(const TcpTrack& track, const PacketView& segment, unsigned sender) {
  const unsigned receiver = 1 - sender;
  if ((track.edge_known & (1U << receiver)) == 0) return true;
  const std::uint32_t sequence = load32(segment.transport() + 4);
  const auto beyond = static_cast<std::int32_t>(sequence - track.edge[receiver]);
  const std::int32_t largest_window = std::int32_t{0xffff} << scale_in_use(track, receiver);
  return beyond <= 0 && beyond >= -largest_window;
}

void note_window(TcpTrack& track, const PacketView& segment, unsigned sender, std::uint8_t flags) {
  const auto bit = static_cast<std::uint8_t>(1U << sender);
  if (flags & tcp::kSyn) track.scale[sender] = offered_scale(segment);
  if ((flags & tcp::kAck) == 0 || (flags & tcp::kRst) != 0) return;
  track.acknowledged |= bit;
  const unsigned scale = (flags & tcp::kSyn) ? 0 : scale_in_use(track, sender);
  const std::uint32_t edge =
      load32(segment.transport() + 8) + (std::uint32_t{load16(segment.transport() + 14)} << scale);
  if ((track.edge_known & bit) == 0 || static_cast<std::int32_t>(edge - track.edge[sender]) > 0) {
    track.edge[sender] = edge;
  }
  track.edge_known |= bit;
}

void restart(TcpTrack& track, SessionState state) {
  track = TcpTrack{};
  track.state = state;
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

}  // namespace

TcpTimer advance(TcpTrack& track, const PacketView& segment, Direction direction) {
  const unsigned sender = direction == Direction::outbound ? 0 : 1;
  const std::uint8_t flags = segment.tcp_flags();
  const SessionState own_init = sender == 0 ? SessionState::internal_init : SessionState::external_init;
  const bool over = track.state == SessionState::closed || track.state == SessionState::both_fin ||
                    track.state == SessionState::reset;
  const bool reopens = over && bare_syn(flags);
  if (reopens) restart(track, own_init);
  note_window(track, segment, sender, flags);
  if (reopens) return TcpTimer::opening;
  switch (track.state) {
    case SessionState::internal_init:
    case SessionState::external_init:
      if (!opens_session(flags)) return TcpTimer::keep;
      // A repeated SYN re-arms the timer only when it comes from inside.
      if (track.state == own_init) return sender == 0 ? TcpTimer::opening : TcpTimer::keep;
      track.state = SessionState::established;
      return open_timer(track);
    case SessionState::established:
    case SessionState::internal_fin:
    case SessionState::external_fin:
      return advance_open(track, segment, sender, flags);
    case SessionState::reset:
      if (flags & tcp::kRst) return TcpTimer::keep;
      track.state = SessionState::established;
      return open_timer(track);
    case SessionState::both_fin:
    case SessionState::closed:
    case SessionState::active:
      break;
  }
  return TcpTimer::keep;
}

}  // namespace nat
