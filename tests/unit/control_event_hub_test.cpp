#include <gtest/gtest.h>

#include "natd/control/event_hub.h"
#include "tests/support/events.h"
#include "tests/support/octets.h"

namespace nat {
namespace {

using test::endpoint;

DropEvent refusal(std::uint16_t source_port, Reason reason = Reason::no_mapping) {
  DropEvent made;
  made.reason = reason;
  made.in = Realm::external;
  made.ip_protocol = 17;
  made.source = {test::address("192.0.2.1"), source_port};
  made.destination = endpoint("203.0.113.11:5000");
  made.length = 100;
  return made;
}

constexpr TimePoint at(int milliseconds) { return TimePoint(Duration(milliseconds)); }

class ControlEventHub : public testing::Test {
 protected:
  ControlEventHub() { hub.watch(true); }

  std::vector<RefusalEvent> tick() { return take(false); }
  std::vector<RefusalEvent> end_interval() { return take(true); }
  std::vector<RefusalEvent> take(bool interval_ends) {
    std::vector<RefusalEvent> events;
    lost = hub.take_refusals(interval_ends, events);
    return events;
  }

  EventHub hub{HashSecret{1, 2}};
  std::uint64_t lost = 0;
};

TEST_F(ControlEventHub, KeepsNothingWhileNobodyWatches) {
  hub.watch(false);
  hub.dropped(test::at(refusal(1), at(1)), nullptr);
  hub.changed(test::made(MappingView{}, at(1)));
  hub.watch(true);
  std::vector<MappingEvent> mappings;
  EXPECT_EQ(hub.take_mappings(mappings), 0U);
  EXPECT_TRUE(mappings.empty());
  EXPECT_TRUE(end_interval().empty());
}

TEST_F(ControlEventHub, ForgetsWhatWaitedWhenTheLastWatcherGoes) {
  hub.dropped(test::at(refusal(1), at(1)), nullptr);
  hub.changed(test::made(MappingView{}, at(1)));
  hub.watch(false);
  hub.watch(true);
  std::vector<MappingEvent> mappings;
  hub.take_mappings(mappings);
  EXPECT_TRUE(mappings.empty());
  EXPECT_TRUE(end_interval().empty());
}

TEST_F(ControlEventHub, TellsMappingsInTheirOrderAndOnce) {
  MappingView mapping;
  mapping.id = 3;
  hub.changed(test::made(mapping, at(1)));
  hub.changed(test::ended(mapping, RemovalCause::flushed, at(2)));
  std::vector<MappingEvent> events;
  EXPECT_EQ(hub.take_mappings(events), 0U);
  ASSERT_EQ(events.size(), 2U);
  EXPECT_TRUE(events[0].created);
  EXPECT_FALSE(events[1].created);
  EXPECT_EQ(events[1].cause, RemovalCause::flushed);
  hub.take_mappings(events);
  EXPECT_TRUE(events.empty());
}

TEST_F(ControlEventHub, CountsMappingsBeyondItsRoomAsLost) {
  for (std::size_t i = 0; i < EventHub::kMostMappingEvents + 5; ++i)
    hub.changed(test::made(MappingView{}, at(1)));
  std::vector<MappingEvent> events;
  EXPECT_EQ(hub.take_mappings(events), 5U);
  EXPECT_EQ(events.size(), EventHub::kMostMappingEvents);
  EXPECT_EQ(hub.take_mappings(events), 0U);
}

TEST_F(ControlEventHub, SumsUpPacketsOfOneKind) {
  for (int i = 0; i < 37; ++i) hub.dropped(test::at(refusal(1), at(i)), nullptr);
  hub.dropped(test::at(refusal(2), at(40)), nullptr);
  hub.dropped(test::at(refusal(1, Reason::filtered_by_port), at(41)), nullptr);
  const auto events = tick();
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[0].packets, 37U);
  EXPECT_EQ(events[0].bytes, 3700U);
  EXPECT_EQ(events[0].at, at(36));
  EXPECT_EQ(events[1].packets, 1U);
  EXPECT_EQ(events[2].refusal.reason, Reason::filtered_by_port);
}

TEST_F(ControlEventHub, TellsANewKindSoonAndItsRepetitionsWithTheInterval) {
  hub.dropped(test::at(refusal(1), at(1)), nullptr);
  EXPECT_EQ(tick().size(), 1U);
  hub.dropped(test::at(refusal(1), at(2)), nullptr);
  hub.dropped(test::at(refusal(1), at(3)), nullptr);
  EXPECT_TRUE(tick().empty()) << "known by now";
  const auto events = end_interval();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].packets, 2U);
  EXPECT_TRUE(events[0].repeated);
}

TEST_F(ControlEventHub, AFloodIsOneEventForEachInterval) {
  hub.dropped(test::at(refusal(1), at(1)), nullptr);
  tick();
  for (int interval = 0; interval < 3; ++interval) {
    for (int i = 0; i < 10; ++i) {
      hub.dropped(test::at(refusal(1), at(2)), nullptr);
      EXPECT_TRUE(tick().empty());
    }
    const auto events = end_interval();
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0].packets, 10U);
  }
  EXPECT_TRUE(end_interval().empty()) << "it has ended";
  hub.dropped(test::at(refusal(1), at(9)), nullptr);
  EXPECT_EQ(tick().size(), 1U) << "and is news again";
}

TEST_F(ControlEventHub, KindsBeyondItsRoomAreCountedAndMakeRoomAgain) {
  constexpr std::uint16_t kKinds = 4 * EventHub::kMostRefusalEvents;
  for (std::uint16_t port = 0; port < kKinds; ++port) hub.dropped(test::at(refusal(port), at(1)), nullptr);
  const auto events = end_interval();
  EXPECT_LE(events.size(), EventHub::kMostRefusalEvents);
  EXPECT_GT(events.size(), EventHub::kMostRefusalEvents / 2);
  EXPECT_EQ(events.size() + lost, kKinds) << "every packet is told or counted as lost";
  hub.dropped(test::at(refusal(1), at(2)), nullptr);
  EXPECT_EQ(tick().size(), 1U);
  EXPECT_EQ(lost, 0U);
}

// How many of a flood's kinds find no place in a table that is half full.
std::uint64_t lost_of(std::uint16_t flood, const HashSecret& secret) {
  EventHub hub(secret);
  hub.watch(true);
  for (std::uint16_t port = 0; port < EventHub::kMostRefusalEvents; ++port) {
    DropEvent kind = refusal(port);
    kind.destination.port = flood;
    hub.dropped(test::at(kind, at(1)), nullptr);
  }
  std::vector<RefusalEvent> events;
  return hub.take_refusals(true, events);
}

// A flood whose kinds meet under one secret does not under another, so that no remote can choose one.
TEST(ControlEventHubSecret, DecidesWhichKindsMeet) {
  std::uint16_t flood = 1;
  while (flood < 2000 && lost_of(flood, {1, 2}) == 0) ++flood;
  ASSERT_LT(flood, 2000) << "none met";
  EXPECT_EQ(lost_of(flood, {3, 4}), 0U);
}

}  // namespace
}  // namespace nat
