// The part of the naive NAT that follows TCP connections.
#include "tests/model/naive_nat.h"

namespace nat::test {
namespace {

constexpr std::uint32_t kWindow = 8192;  // as PacketBuilder has it

// RFC 7857 section 2.2: within the largest window below what the receiver allows.
bool may_be_reset(std::optional<std::uint32_t> limit, std::uint32_t sequence) {
  return !limit || *limit - sequence <= 65535;
}

}  // namespace

// What a segment with ACK says: how far its sender lets the other side go. Every segment of the model offers
// the same window, and no scale.
void NaiveNat::heard(Session& session, const Words& packet, int sender) {
  session.acked[sender] = true;
  const std::uint32_t limit = packet.acknowledges + kWindow;
  const bool further =
      !session.limit[sender] || static_cast<std::int32_t>(limit - *session.limit[sender]) > 0;
  if (further) session.limit[sender] = limit;
}

// A SYN without ACK waits for its answer, and the answer begins a connection. True when the SYN itself has
// begun one, on what was over.
bool NaiveNat::note_syns(Session& session, const Words& packet, int sender) {
  using State = SessionState;
  const auto forget = [&](State state) {
    session.state = state;
    session.waiting.reset();
    for (const int side : {0, 1}) {
      session.acked[side] = false;
      session.limit[side].reset();
    }
  };
  if (packet.bare_syn()) {
    const bool over =
        session.state == State::closed || session.state == State::both_fin || session.state == State::reset;
    if (over) forget(sender == 0 ? State::internal_init : State::external_init);
    const bool from_inside_waits = session.waiting && session.waiting->sender == 0;
    if (sender == 0 || !from_inside_waits) session.waiting = {sender, packet.sequence};
    return over;
  }
  if (!session.waiting) return false;
  if (session.waiting->sender == sender) {
    if (!packet.rst) session.waiting.reset();
    return false;
  }
  const bool answers = packet.syn && packet.ack && !packet.fin && !packet.rst;
  // One more than the SYN, and data that came with it.
  const std::uint32_t beyond = packet.acknowledges - session.waiting->sequence;
  if (answers && beyond >= 1 && beyond <= 65536) forget(State::established);
  return false;
}

// The table of RFC 7857 section 2 as the requirements have it.
void NaiveNat::touch_tcp(Session& session, const Words& packet, Direction direction, const Timeouts& timeouts,
                         TimePoint now) {
  using State = SessionState;
  const int sender = direction == Direction::outbound ? 0 : 1;
  const State own_init = sender == 0 ? State::internal_init : State::external_init;
  const State own_fin = sender == 0 ? State::internal_fin : State::external_fin;
  if (note_syns(session, packet, sender)) {
    session.last = now + timeouts.tcp_opening;
    return;
  }
  const bool opening = session.state == State::internal_init || session.state == State::external_init;
  if (packet.ack && !packet.rst && (!opening || (packet.syn && !packet.fin))) heard(session, packet, sender);
  const Duration open =
      session.acked[0] && session.acked[1] ? timeouts.tcp_established : timeouts.tcp_opening;
  const bool any_syn = packet.syn && !packet.fin && !packet.rst;
  switch (session.state) {
    case State::internal_init:
    case State::external_init:
      if (any_syn && session.state != own_init) {
        session.state = State::established;
        session.last = now + open;
      } else if (any_syn && sender == 0) {
        session.last = now + timeouts.tcp_opening;
      }
      return;
    case State::established:
    case State::internal_fin:
    case State::external_fin:
      if (packet.rst) {
        if (!may_be_reset(session.limit[1 - sender], packet.sequence)) return;
        session.state = State::reset;
        session.last = now + timeouts.tcp_reset;
        return;
      }
      if (packet.fin && session.state == State::established) {
        session.state = own_fin;
      } else if (packet.fin && session.state != own_fin) {
        session.state = State::both_fin;
        session.last = now + timeouts.tcp_closing;
        return;
      }
      session.last = now + open;
      return;
    case State::reset:
      if (packet.rst) return;
      session.state = State::established;
      session.last = now + open;
      return;
    default:
      return;
  }
}

}  // namespace nat::test
