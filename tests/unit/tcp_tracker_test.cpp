// X1: every arc of the state table in RFC 7857 section 2, with the timer that each one arms.
#include "translation/protocols/tcp_tracker.h"

#include <gtest/gtest.h>

#include "tests/support/packet_builder.h"

namespace nat::test {
namespace {

using State = SessionState;

class Tracker {
 public:
  TcpTimer inside(PacketBuilder segment) { return step(segment.build(), Direction::outbound); }
  TcpTimer outside(PacketBuilder segment) { return step(segment.build(), Direction::inbound); }
  State state() const { return track_.state; }

  // The usual beginning.
  void open() {
    inside(sent(kSyn));
    outside(sent(kSyn | kAck));
    inside(sent(kAck));
  }
  static PacketBuilder sent(std::uint8_t flags) {
    return tcp("10.0.0.1:4321", "192.0.2.31:80", flags).sequence(1000).window(8192);
  }

 private:
  TcpTimer step(Octets octets, Direction direction) {
    PacketView view;
    EXPECT_EQ(PacketView::parse(octets, view), std::nullopt);
    return advance(track_, view, direction);
  }
  TcpTrack track_;
};

PacketBuilder sent(std::uint8_t flags) { return Tracker::sent(flags); }

// Rows: X1-c-init
TEST(TcpTracker, HandshakeFromInside) {
  Tracker tracker;
  EXPECT_EQ(tracker.inside(sent(kSyn)), TcpTimer::opening);
  EXPECT_EQ(tracker.state(), State::internal_init);
  // D-11: the long timer only after an acknowledgement from both sides.
  EXPECT_EQ(tracker.outside(sent(kSyn | kAck)), TcpTimer::opening);
  EXPECT_EQ(tracker.state(), State::established);
  EXPECT_EQ(tracker.inside(sent(kAck)), TcpTimer::established);
  EXPECT_EQ(tracker.outside(sent(kAck)), TcpTimer::established);
}

// Rows: X1-s-init
TEST(TcpTracker, HandshakeFromOutside) {
  Tracker tracker;
  EXPECT_EQ(tracker.outside(sent(kSyn)), TcpTimer::opening);
  EXPECT_EQ(tracker.state(), State::external_init);
  EXPECT_EQ(tracker.outside(sent(kSyn)), TcpTimer::keep);
  EXPECT_EQ(tracker.inside(sent(kSyn | kAck)), TcpTimer::opening);
  EXPECT_EQ(tracker.outside(sent(kAck)), TcpTimer::established);
}

// Both SYNs cross, then both SYN-ACKs.
// Rows: T2a X1-c-init
TEST(TcpTracker, SimultaneousOpen) {
  Tracker tracker;
  EXPECT_EQ(tracker.inside(sent(kSyn)), TcpTimer::opening);
  EXPECT_EQ(tracker.outside(sent(kSyn)), TcpTimer::opening);
  EXPECT_EQ(tracker.state(), State::established);
  EXPECT_EQ(tracker.inside(sent(kSyn | kAck)), TcpTimer::opening);
  EXPECT_EQ(tracker.outside(sent(kSyn | kAck)), TcpTimer::established);
  EXPECT_EQ(tracker.inside(sent(kAck)), TcpTimer::established);
  EXPECT_EQ(tracker.state(), State::established);
}

// Rows: X1-c-init
TEST(TcpTracker, RepeatedSynRearmsOnlyFromInside) {
  Tracker tracker;
  tracker.inside(sent(kSyn));
  EXPECT_EQ(tracker.inside(sent(kSyn)), TcpTimer::opening);
  EXPECT_EQ(tracker.state(), State::internal_init);
}

// A refused connection: the reset is forwarded and changes nothing, so that a peer that tries again finds the
// session (RST survival, L7).
// Rows: X1-c-init
TEST(TcpTracker, ResetDuringOpeningChangesNothing) {
  Tracker tracker;
  tracker.inside(sent(kSyn));
  EXPECT_EQ(tracker.outside(sent(kRst | kAck)), TcpTimer::keep);
  EXPECT_EQ(tracker.state(), State::internal_init);
  EXPECT_EQ(tracker.outside(sent(kAck)), TcpTimer::keep);
  EXPECT_EQ(tracker.inside(sent(kFin)), TcpTimer::keep);
  EXPECT_EQ(tracker.state(), State::internal_init);
}

// Rows: X1-fin X1-both-fin
TEST(TcpTracker, HalfClosedStaysOpenUntilBothSidesAreDone) {
  Tracker tracker;
  tracker.open();
  EXPECT_EQ(tracker.inside(sent(kFin | kAck)), TcpTimer::established);
  EXPECT_EQ(tracker.state(), State::internal_fin);
  EXPECT_EQ(tracker.inside(sent(kFin | kAck)), TcpTimer::established);
  EXPECT_EQ(tracker.outside(sent(kAck)), TcpTimer::established);
  EXPECT_EQ(tracker.outside(sent(kFin | kAck)), TcpTimer::closing);
  EXPECT_EQ(tracker.state(), State::both_fin);
  EXPECT_EQ(tracker.inside(sent(kAck)), TcpTimer::keep);
  EXPECT_EQ(tracker.outside(sent(kFin | kAck)), TcpTimer::keep);
  EXPECT_EQ(tracker.inside(sent(kRst)), TcpTimer::keep);
  EXPECT_EQ(tracker.state(), State::both_fin);
}

// Rows: X1-fin
TEST(TcpTracker, TheOtherSideMayCloseFirst) {
  Tracker tracker;
  tracker.open();
  EXPECT_EQ(tracker.outside(sent(kFin | kAck)), TcpTimer::established);
  EXPECT_EQ(tracker.state(), State::external_fin);
  EXPECT_EQ(tracker.inside(sent(kFin | kAck)), TcpTimer::closing);
  EXPECT_EQ(tracker.state(), State::both_fin);
}

// Rows: X1-both-fin
TEST(TcpTracker, AFreshSynReopensWhatIsOver) {
  Tracker closed;
  closed.open();
  closed.inside(sent(kFin | kAck));
  closed.outside(sent(kFin | kAck));
  EXPECT_EQ(closed.inside(sent(kSyn)), TcpTimer::opening);
  EXPECT_EQ(closed.state(), State::internal_init);

  Tracker reset;
  reset.open();
  reset.inside(sent(kRst));
  EXPECT_EQ(reset.outside(sent(kSyn)), TcpTimer::opening);
  EXPECT_EQ(reset.state(), State::external_init);
}

// A reset that can belong to the session moves it to the short timer; anything but a reset moves it
// back.
// Rows: X2r X1-established X1-trans
TEST(TcpTracker, PlausibleReset) {
  Tracker tracker;
  tracker.open();
  EXPECT_EQ(tracker.outside(sent(kRst)), TcpTimer::reset);
  EXPECT_EQ(tracker.state(), State::reset);
  EXPECT_EQ(tracker.outside(sent(kRst)), TcpTimer::keep);
  EXPECT_EQ(tracker.inside(sent(kRst)), TcpTimer::keep);
  EXPECT_EQ(tracker.inside(sent(kAck | kPush)), TcpTimer::established);
  EXPECT_EQ(tracker.state(), State::established);
}

// The receiver has said 1000 + 8192 = 9192 is the first number it does not take.
// Rows: T13 X2r
TEST(TcpTracker, ResetsOutsideTheWindowAreNotBelieved) {
  for (const std::uint32_t sequence : {9193U, 0x7fff0000U, 0x80000000U, 9192U - 65536U}) {
    Tracker tracker;
    tracker.open();
    EXPECT_EQ(tracker.outside(sent(kRst).sequence(sequence)), TcpTimer::keep) << sequence;
    EXPECT_EQ(tracker.state(), State::established);
  }
  for (const std::uint32_t sequence : {1000U, 9191U, 9192U}) {
    Tracker tracker;
    tracker.open();
    EXPECT_EQ(tracker.outside(sent(kRst).sequence(sequence)), TcpTimer::reset) << sequence;
  }
}

// Rows: T13
TEST(TcpTracker, WindowsScaleWhenBothSidesOfferIt) {
  const Octets scale_seven{1, 3, 3, 7};
  const Octets scale_zero{1, 3, 3, 0};
  Tracker tracker;
  tracker.inside(sent(kSyn).tcp_options(scale_seven));
  tracker.outside(sent(kSyn | kAck).tcp_options(scale_zero));
  tracker.inside(sent(kAck));  // 1000 + (8192 << 7)
  EXPECT_EQ(tracker.outside(sent(kRst).sequence(1000 + (8192 << 7) - 1)), TcpTimer::reset);

  Tracker one_sided;
  one_sided.inside(sent(kSyn).tcp_options(scale_seven));
  one_sided.outside(sent(kSyn | kAck));
  one_sided.inside(sent(kAck));
  EXPECT_EQ(one_sided.outside(sent(kRst).sequence(1000 + (8192 << 7) - 1)), TcpTimer::keep);
}

// The whole table: where each state goes with each segment from each side, and the timer that starts. Both
// FINs or a reset behind it, a bare SYN begins anew.
struct Arc {
  Direction from;
  std::uint8_t flags;
  State after;
  TcpTimer timer;
};

void expect_arcs(State before, void (*prepare)(Tracker&), std::initializer_list<Arc> arcs) {
  for (const Arc& arc : arcs) {
    Tracker tracker;
    prepare(tracker);
    ASSERT_EQ(tracker.state(), before);
    const TcpTimer timer =
        arc.from == Direction::outbound ? tracker.inside(sent(arc.flags)) : tracker.outside(sent(arc.flags));
    EXPECT_EQ(tracker.state(), arc.after) << to_string(before) << " and flags " << int{arc.flags};
    EXPECT_EQ(timer, arc.timer) << to_string(before) << " and flags " << int{arc.flags};
  }
}

constexpr auto kC = Direction::outbound;
constexpr auto kS = Direction::inbound;
constexpr std::uint8_t kSynAck = kSyn | kAck, kFinAck = kFin | kAck, kRstAck = kRst | kAck;

// Rows: X1 X1-closed
TEST(TcpTracker, ArcsOfClosed) {
  expect_arcs(State::closed, [](Tracker&) {},
              {{kC, kSyn, State::internal_init, TcpTimer::opening},
               {kS, kSyn, State::external_init, TcpTimer::opening},
               {kC, kSynAck, State::closed, TcpTimer::keep},
               {kS, kSynAck, State::closed, TcpTimer::keep},
               {kC, kAck, State::closed, TcpTimer::keep},
               {kS, kAck, State::closed, TcpTimer::keep},
               {kC, kFinAck, State::closed, TcpTimer::keep},
               {kS, kRst, State::closed, TcpTimer::keep}});
}

// Rows: X1 X1-c-init
TEST(TcpTracker, ArcsOfOpeningFromInside) {
  expect_arcs(State::internal_init, [](Tracker& tracker) { tracker.inside(sent(kSyn)); },
              {{kS, kSyn, State::established, TcpTimer::opening},
               {kS, kSynAck, State::established, TcpTimer::opening},
               {kC, kSyn, State::internal_init, TcpTimer::opening},
               {kC, kAck, State::internal_init, TcpTimer::keep},
               {kS, kAck, State::internal_init, TcpTimer::keep},
               {kC, kFinAck, State::internal_init, TcpTimer::keep},
               {kS, kFinAck, State::internal_init, TcpTimer::keep},
               {kC, kRst, State::internal_init, TcpTimer::keep},
               {kS, kRstAck, State::internal_init, TcpTimer::keep}});
}

// Rows: X1 X1-s-init
TEST(TcpTracker, ArcsOfOpeningFromOutside) {
  expect_arcs(State::external_init, [](Tracker& tracker) { tracker.outside(sent(kSyn)); },
              {{kC, kSyn, State::established, TcpTimer::opening},
               {kC, kSynAck, State::established, TcpTimer::opening},
               {kS, kSyn, State::external_init, TcpTimer::keep},
               {kC, kAck, State::external_init, TcpTimer::keep},
               {kS, kAck, State::external_init, TcpTimer::keep},
               {kS, kFinAck, State::external_init, TcpTimer::keep},
               {kC, kRst, State::external_init, TcpTimer::keep},
               {kS, kRst, State::external_init, TcpTimer::keep}});
}

// Rows: X1 X1-established
TEST(TcpTracker, ArcsOfEstablished) {
  expect_arcs(State::established,
              [](Tracker& tracker) {
                tracker.open();
                tracker.outside(sent(kAck));
              },
              {{kC, kFinAck, State::internal_fin, TcpTimer::established},
               {kS, kFinAck, State::external_fin, TcpTimer::established},
               {kC, kRst, State::reset, TcpTimer::reset},
               {kS, kRst, State::reset, TcpTimer::reset},
               {kC, kAck, State::established, TcpTimer::established},
               {kS, kAck | kPush, State::established, TcpTimer::established},
               {kC, kSyn, State::established, TcpTimer::established},
               {kS, kSynAck, State::established, TcpTimer::established}});
}

// Rows: X1 X1-fin
TEST(TcpTracker, ArcsOfHalfClosed) {
  expect_arcs(State::internal_fin,
              [](Tracker& tracker) {
                tracker.open();
                tracker.inside(sent(kFinAck));
              },
              {{kS, kFinAck, State::both_fin, TcpTimer::closing},
               {kC, kFinAck, State::internal_fin, TcpTimer::established},
               {kC, kAck, State::internal_fin, TcpTimer::established},
               {kS, kAck | kPush, State::internal_fin, TcpTimer::established},
               {kC, kRst, State::reset, TcpTimer::reset},
               {kS, kRst, State::reset, TcpTimer::reset}});
  expect_arcs(State::external_fin,
              [](Tracker& tracker) {
                tracker.open();
                tracker.outside(sent(kFinAck));
              },
              {{kC, kFinAck, State::both_fin, TcpTimer::closing},
               {kS, kFinAck, State::external_fin, TcpTimer::established},
               {kC, kAck | kPush, State::external_fin, TcpTimer::established},
               {kS, kAck, State::external_fin, TcpTimer::established},
               {kC, kRst, State::reset, TcpTimer::reset},
               {kS, kRst, State::reset, TcpTimer::reset}});
}

// Rows: X1 X1-both-fin
TEST(TcpTracker, ArcsOfClosing) {
  expect_arcs(State::both_fin,
              [](Tracker& tracker) {
                tracker.open();
                tracker.inside(sent(kFinAck));
                tracker.outside(sent(kFinAck));
              },
              {{kC, kAck, State::both_fin, TcpTimer::keep},
               {kS, kAck, State::both_fin, TcpTimer::keep},
               {kC, kFinAck, State::both_fin, TcpTimer::keep},
               {kS, kFinAck, State::both_fin, TcpTimer::keep},
               {kC, kRst, State::both_fin, TcpTimer::keep},
               {kS, kSynAck, State::both_fin, TcpTimer::keep},
               {kC, kSyn, State::internal_init, TcpTimer::opening},
               {kS, kSyn, State::external_init, TcpTimer::opening}});
}

// Rows: X1 X1-trans
TEST(TcpTracker, ArcsOfReset) {
  expect_arcs(State::reset,
              [](Tracker& tracker) {
                tracker.open();
                tracker.outside(sent(kRst));
              },
              {{kC, kAck, State::established, TcpTimer::established},
               {kS, kAck, State::established, TcpTimer::established},
               {kC, kFinAck, State::established, TcpTimer::established},
               {kC, kRst, State::reset, TcpTimer::keep},
               {kS, kRst, State::reset, TcpTimer::keep},
               {kC, kSyn, State::internal_init, TcpTimer::opening},
               {kS, kSyn, State::external_init, TcpTimer::opening}});
}

TEST(TcpTracker, MalformedOptionsAreNotRead) {
  for (const Octets& options :
       {Octets{3, 0, 7, 0}, Octets{3, 9, 7, 0}, Octets{1, 1, 1, 3}, Octets{3, 3, 200, 0}}) {
    Tracker tracker;
    EXPECT_EQ(tracker.inside(sent(kSyn).tcp_options(options)), TcpTimer::opening);
    tracker.outside(sent(kSyn | kAck).tcp_options(options));
    EXPECT_EQ(tracker.inside(sent(kAck)), TcpTimer::established);
  }
}

// The edge never moves back: an old acknowledgement repeated late does not shrink the window.
TEST(TcpTracker, OldAcknowledgementsDoNotMoveTheEdgeBack) {
  Tracker tracker;
  tracker.open();
  tracker.inside(sent(kAck).acknowledge(50000));
  tracker.inside(sent(kAck).acknowledge(1000));
  EXPECT_EQ(tracker.outside(sent(kRst).sequence(50000)), TcpTimer::reset);
}

// Rows: T13
TEST(TcpTracker, SequenceNumbersWrap) {
  Tracker tracker;
  tracker.inside(sent(kSyn));
  tracker.outside(sent(kSyn | kAck));
  tracker.inside(sent(kAck).acknowledge(0xfffffff0));
  EXPECT_EQ(tracker.outside(sent(kRst).sequence(5)), TcpTimer::reset);
}

// --- Connections that begin on the session of another.

PacketBuilder numbered(std::uint8_t flags, std::uint32_t sequence, std::uint32_t acknowledged) {
  return sent(flags).sequence(sequence).acknowledge(acknowledged);
}

TcpTimer from(Tracker& tracker, Direction direction, const PacketBuilder& segment) {
  return direction == Direction::outbound ? tracker.inside(segment) : tracker.outside(segment);
}

// The first connection: the inside counts from 1000, the outside from 2000, and a window is 8192.
void connect(Tracker& tracker) {
  tracker.inside(sent(kSyn).sequence(1000));
  tracker.outside(numbered(kSynAck, 2000, 1001));
  tracker.inside(numbered(kAck, 1001, 2001));
}

struct Before {
  State state;
  void (*prepare)(Tracker&);
};

const Before kBefore[] = {
    {State::closed, [](Tracker&) {}},
    {State::internal_init, [](Tracker& tracker) { tracker.inside(sent(kSyn).sequence(1000)); }},
    {State::external_init, [](Tracker& tracker) { tracker.outside(sent(kSyn).sequence(2000)); }},
    {State::established, connect},
    {State::internal_fin,
     [](Tracker& tracker) {
       connect(tracker);
       tracker.inside(numbered(kFinAck, 1001, 2001));
     }},
    {State::external_fin,
     [](Tracker& tracker) {
       connect(tracker);
       tracker.outside(numbered(kFinAck, 2001, 1001));
     }},
    {State::both_fin,
     [](Tracker& tracker) {
       connect(tracker);
       tracker.inside(numbered(kFinAck, 1001, 2001));
       tracker.outside(numbered(kFinAck, 2001, 1002));
     }},
    {State::reset,
     [](Tracker& tracker) {
       connect(tracker);
       tracker.outside(numbered(kRst, 2001, 0));
     }},
};

// From every state, from either side, with lower and with higher numbers: the SYN-ACK that answers the SYN
// establishes, and the window is that of the new connection alone.
// Rows: X1 X1-established X1-fin X1-both-fin X1-trans T13
TEST(TcpTracker, AConnectionBeginsOnASessionOfAnyState) {
  for (const Before& before : kBefore) {
    for (const Direction opener : {kC, kS}) {
      for (const std::uint32_t start : {0x90000000U, 0x20000000U}) {
        const Direction other = opener == kC ? kS : kC;
        // The second SYN of a simultaneous open begins nothing new.
        if (before.state == (opener == kC ? State::external_init : State::internal_init)) continue;
        SCOPED_TRACE(std::string(to_string(before.state)) + (opener == kC ? ", inside" : ", outside"));
        Tracker tracker;
        before.prepare(tracker);
        ASSERT_EQ(tracker.state(), before.state);
        from(tracker, opener, sent(kSyn).sequence(start));
        EXPECT_EQ(from(tracker, other, numbered(kSynAck, start + 7000, start + 1)), TcpTimer::opening);
        EXPECT_EQ(tracker.state(), State::established);
        EXPECT_EQ(from(tracker, opener, numbered(kAck, start + 1, start + 7001)), TcpTimer::established);
        EXPECT_EQ(from(tracker, other, sent(kRst).sequence(opener == kC ? 2001 : 1001)), TcpTimer::keep);
        EXPECT_EQ(from(tracker, other, sent(kRst).sequence(start + 7001)), TcpTimer::reset);
      }
    }
  }
}

// Any remote can forge a SYN: on a session that is open, or half so, it moves nothing, and neither does a
// SYN-ACK that answers another one. What was a plausible reset is one, and what was none is none.
// Rows: X1-established X1-fin NO3
TEST(TcpTracker, ASynAloneEndsNothing) {
  for (const Before& before : kBefore) {
    const bool open = before.state == State::established || before.state == State::internal_fin ||
                      before.state == State::external_fin;
    if (!open) continue;
    for (const Direction forger : {kC, kS}) {
      SCOPED_TRACE(std::string(to_string(before.state)) + (forger == kC ? ", inside" : ", outside"));
      Tracker tracker;
      before.prepare(tracker);
      const Direction other = forger == kC ? kS : kC;
      const auto forged = sent(kSyn).sequence(0x70000000).tcp_options({1, 3, 3, 14});
      EXPECT_EQ(from(tracker, forger, forged), TcpTimer::established);
      EXPECT_EQ(from(tracker, other, numbered(kSynAck, 5, 0x70000000)), TcpTimer::established);
      EXPECT_EQ(from(tracker, other, numbered(kSynAck, 5, 0x70000000 + 0x10001)), TcpTimer::established);
      EXPECT_EQ(tracker.state(), before.state);
    }
    Tracker tracker;
    before.prepare(tracker);
    tracker.outside(sent(kSyn).sequence(0x70000000));
    EXPECT_EQ(tracker.outside(sent(kRst).sequence(0x70000001)), TcpTimer::keep);
    EXPECT_EQ(tracker.outside(sent(kRst).sequence(2001)), TcpTimer::reset);
  }
}

// Nor does one from outside keep a host inside from beginning anew.
// Rows: X1-fin
TEST(TcpTracker, NobodyOutsideDisplacesASynFromInside) {
  Tracker tracker;
  connect(tracker);
  tracker.inside(numbered(kFinAck, 1001, 2001));
  tracker.inside(sent(kSyn).sequence(500));
  tracker.outside(sent(kSyn).sequence(0x70000000));
  tracker.outside(numbered(kAck, 2001, 1002));
  EXPECT_EQ(tracker.outside(numbered(kSynAck, 800, 501)), TcpTimer::opening);
  EXPECT_EQ(tracker.state(), State::established);
}

// A host that goes on with the old connection waits for no answer any more.
TEST(TcpTracker, ASynIsForgottenWhenItsSenderGoesOn) {
  Tracker tracker;
  connect(tracker);
  tracker.inside(sent(kSyn).sequence(500));
  tracker.inside(numbered(kFinAck, 1001, 2001));
  EXPECT_EQ(tracker.outside(numbered(kSynAck, 800, 501)), TcpTimer::established);
  EXPECT_EQ(tracker.state(), State::internal_fin);
}

// RFC 7413: data rides with the SYN and is acknowledged with it. And the answer comes behind a reset that
// still was for the connection before.
TEST(TcpTracker, TheAnswerMayAcknowledgeDataAndComeBehindAReset) {
  Tracker tracker;
  connect(tracker);
  tracker.inside(numbered(kFinAck, 1001, 2001));
  tracker.inside(sent(kSyn).sequence(500).payload("fast"));
  EXPECT_EQ(tracker.outside(sent(kRst).sequence(2001)), TcpTimer::reset);
  EXPECT_EQ(tracker.outside(numbered(kSynAck, 800, 505)), TcpTimer::opening);
  EXPECT_EQ(tracker.inside(numbered(kAck, 505, 801)), TcpTimer::established);
  EXPECT_EQ(tracker.outside(sent(kRst).sequence(801)), TcpTimer::reset);
}

// The window scale is that of the connection, too.
// Rows: T13
TEST(TcpTracker, ANewConnectionHasAScaleOfItsOwn) {
  Tracker tracker;
  connect(tracker);
  tracker.outside(numbered(kFinAck, 2001, 1001));
  tracker.inside(sent(kSyn).sequence(500).tcp_options({1, 3, 3, 7}));
  tracker.outside(numbered(kSynAck, 800, 501).tcp_options({1, 3, 3, 0}));
  tracker.inside(numbered(kAck, 501, 801));  // 801 + (8192 << 7)
  EXPECT_EQ(tracker.outside(sent(kRst).sequence(801 + (8192 << 7) - 1)), TcpTimer::reset);
}

// What answers the SYN of another connection, before this one's answer, says nothing of its window: a
// TIME-WAIT that challenges, with higher numbers.
// Rows: X1-c-init T13
TEST(TcpTracker, AChallengeWhileOpeningIsForgotten) {
  Tracker tracker;
  tracker.inside(sent(kSyn).sequence(500));
  tracker.outside(numbered(kAck, 0x60000000, 0x50000000));
  tracker.inside(sent(kRst).sequence(0x50000000));
  tracker.inside(sent(kSyn).sequence(500));
  tracker.outside(numbered(kSynAck, 800, 501));
  tracker.inside(numbered(kAck, 501, 801));
  EXPECT_EQ(tracker.inside(sent(kRst).sequence(501)), TcpTimer::reset);
}

}  // namespace
}  // namespace nat::test
