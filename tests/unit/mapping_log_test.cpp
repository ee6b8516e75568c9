#include "natd/observe/mapping_log.h"

#include <gtest/gtest.h>

#include "tests/support/events.h"

namespace nat {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{1h};
// 2026-11-21 13:12:47.123 UTC, by date(1).
constexpr std::int64_t kUnix = 1795266767123;

MappingView mapping() {
  MappingView view;
  view.protocol = Protocol::udp;
  view.internal = {Address(10, 0, 0, 1), 4321};
  view.external = {Address(203, 0, 113, 11), 50000};
  view.remote = {Address(192, 0, 2, 31), 7000};
  return view;
}

// Rows: C-log
TEST(MappingLog, TellsBeginningAndEndWithTheirTimes) {
  MappingLog log;
  log.enable(true);
  log.changed(test::made(mapping(), kStart));
  log.changed(test::ended(mapping(), RemovalCause::expired, kStart + 301s));
  EXPECT_EQ(log.take(kStart + 302s, kUnix + 302000),
            (std::vector<std::string>{
                "mapping made 2026-11-21T13:12:47.123Z udp 10.0.0.1:4321 -> 203.0.113.11:50000",
                "mapping ended 2026-11-21T13:17:48.123Z udp 10.0.0.1:4321 -> 203.0.113.11:50000 expired"}));
  EXPECT_TRUE(log.take(kStart + 303s, kUnix).empty());
}

// Rows: C12
TEST(MappingLog, NeverNamesARemote) {
  MappingLog log;
  log.enable(true);
  log.changed(test::made(mapping(), kStart));
  for (const std::string& line : log.take(kStart, kUnix))
    EXPECT_EQ(line.find("192.0.2.31"), std::string::npos) << line;
}

// Rows: B4 C14
TEST(MappingLog, TellsOfBlocksWithoutBeingAsked) {
  MappingLog log;
  const BlockView block{Address(203, 0, 113, 11), {57472, 57535}, true, Address(10, 0, 0, 2)};
  log.changed(test::block_event(block, true, kStart));
  log.changed(test::block_event(block, false, kStart + 1s));
  EXPECT_EQ(log.take(kStart + 1s, kUnix + 1000),
            (std::vector<std::string>{
                "block given 2026-11-21T13:12:47.123Z 203.0.113.11 57472-57535 to 10.0.0.2",
                "block back 2026-11-21T13:12:48.123Z 203.0.113.11 57472-57535 from 10.0.0.2"}));
}

TEST(MappingLog, KeepsSilentWhenNobodyAsked) {
  MappingLog log;
  log.changed(test::made(mapping(), kStart));
  EXPECT_TRUE(log.take(kStart, kUnix).empty());
  log.enable(true);
  log.changed(test::made(mapping(), kStart));
  log.enable(false);
  log.changed(test::made(mapping(), kStart));
  EXPECT_EQ(log.take(kStart, kUnix).size(), 1U);
}

// Extra blocks are logged whether mappings are or not.
// Rows: B4
TEST(MappingLog, AlwaysTellsOfExtraBlocks) {
  MappingLog log;
  const BlockView block{Address(203, 0, 113, 11), {57472, 57535}, true, Address(10, 0, 0, 1)};
  log.changed(test::block_event(block, true, kStart));
  log.changed(test::block_event(block, false, kStart + 301s));
  EXPECT_EQ(log.take(kStart + 301s, kUnix + 301000),
            (std::vector<std::string>{
                "block given 2026-11-21T13:12:47.123Z 203.0.113.11 57472-57535 to 10.0.0.1",
                "block back 2026-11-21T13:17:48.123Z 203.0.113.11 57472-57535 from 10.0.0.1"}));
}

TEST(MappingLog, CountsWhatDoesNotFit) {
  MappingLog log;
  log.enable(true);
  for (std::size_t i = 0; i < MappingLog::kMostWaiting + 3; ++i) log.changed(test::made(mapping(), kStart));
  const auto lines = log.take(kStart, kUnix);
  ASSERT_EQ(lines.size(), MappingLog::kMostWaiting + 1);
  EXPECT_EQ(lines.back().substr(0, 2), "3 ");
  EXPECT_EQ(log.take(kStart, kUnix).size(), 0U);
}

}  // namespace
}  // namespace nat
