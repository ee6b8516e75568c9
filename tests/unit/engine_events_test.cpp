// Events: one numbered stream that readers follow at their own pace.
#include <array>

#include <gtest/gtest.h>

#include "tests/support/packet_builder.h"
#include "tests/support/test_gateway.h"

namespace nat::test {
namespace {

constexpr const char* kIn1 = "10.0.0.1:4321";
constexpr const char* kOut1 = "192.0.2.31:7000";

std::vector<EventKind> kinds(TestGateway& gateway) {
  std::vector<EventKind> all;
  for (const Event& event : gateway.observed().events) all.push_back(event.kind);
  return all;
}

TEST(EngineEvents, TheLifeOfAConnectionInOrder) {
  TestGateway gateway;
  gateway.engine.follow_sessions(true);
  gateway.from_inside(tcp(kIn1, kOut1, kSyn));
  gateway.from_outside(tcp(kOut1, "203.0.113.11:4321", kSyn | kAck));
  gateway.from_inside(tcp(kIn1, kOut1, kAck));
  gateway.from_inside(tcp(kIn1, kOut1, kAck | kFin));
  gateway.from_outside(tcp(kOut1, "203.0.113.11:4321", kAck | kFin));
  gateway.pass(seconds(300));
  EXPECT_EQ(kinds(gateway),
            (std::vector{EventKind::mapping_made, EventKind::session_opened, EventKind::session_established,
                         EventKind::session_changed, EventKind::session_changed, EventKind::mapping_ended,
                         EventKind::session_ended}));
  std::uint64_t last = 0;
  for (const Event& event : gateway.observed().events)
    EXPECT_GT(event.number, std::exchange(last, event.number));
}

TEST(EngineEvents, SessionsAreOnlyForThoseWhoFollowThem) {
  TestGateway gateway;
  gateway.from_inside(udp(kIn1, kOut1));
  EXPECT_EQ(kinds(gateway), std::vector{EventKind::mapping_made});
}

// The number of a session goes round; with its generation it is told from the one before.
TEST(EngineEvents, ASessionsNumberComesBackWithAnotherGeneration) {
  TestGateway gateway;
  gateway.engine.follow_sessions(true);
  gateway.from_inside(udp(kIn1, kOut1));
  gateway.pass(seconds(302));
  gateway.from_inside(udp(kIn1, kOut1));
  std::vector<Event> opened;
  for (const Event& event : gateway.observed().events) {
    if (event.kind == EventKind::session_opened) opened.push_back(event);
  }
  ASSERT_EQ(opened.size(), 2U);
  EXPECT_EQ(opened[0].session, opened[1].session);
  EXPECT_NE(opened[0].generation, opened[1].generation);
}

TEST(EngineEvents, AReaderThatIsLateLearnsHowMuchItMissed) {
  TestGateway gateway;
  RingCursor cursor;
  for (std::uint32_t i = 0; i < Events::kDropsKept + 5; ++i) {
    gateway.from_outside(udp("192.0.2.1:1", "203.0.113.11:9"));
  }
  std::uint64_t missed = 0;
  std::array<DropEvent, 16> drops;
  EXPECT_EQ(gateway.engine.events().drops().read(cursor, drops, missed), drops.size());
  EXPECT_EQ(missed, 5U);
  EXPECT_EQ(drops[0].number, 6U);
}

// A flood of drops pushes no change out of its ring.
TEST(EngineEvents, DropsPushOutNoChange) {
  TestGateway gateway;
  RingCursor cursor;
  gateway.from_inside(udp(kIn1, kOut1));
  for (std::uint32_t i = 0; i < 3 * Events::kKept; ++i) {
    gateway.from_outside(udp("192.0.2.1:1", "203.0.113.11:9"));
  }
  std::uint64_t missed = 0;
  Event event;
  ASSERT_EQ(gateway.engine.events().changes().read(cursor, {&event, 1}, missed), 1U);
  EXPECT_EQ(event.kind, EventKind::mapping_made);
  EXPECT_EQ(missed, 0U);
}

}  // namespace
}  // namespace nat::test
