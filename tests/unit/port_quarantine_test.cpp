// What is written down while ports are used must keep them from others after a restart, and nothing that
// stands in the file may do harm.
#include "natd/store/port_quarantine.h"

#include <csignal>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/events.h"
#include "tests/support/octets.h"
#include "tests/support/packet_builder.h"
#include "tests/support/test_gateway.h"

namespace nat::test {
namespace {

namespace fs = std::filesystem;

constexpr TimePoint kNow(std::chrono::hours(5));
constexpr Duration kRest = std::chrono::seconds(120);

MappingView mapping(Protocol protocol, const char* external, const char* internal) {
  MappingView view;
  view.protocol = protocol;
  view.external = endpoint(external);
  view.internal = endpoint(internal);
  return view;
}

class PortMemoryTest : public testing::Test {
 protected:
  PortMemoryTest() {
    std::string pattern = (fs::temp_directory_path() / "natd-ports-XXXXXX").string();
    directory_ = mkdtemp(pattern.data());
  }
  ~PortMemoryTest() override { fs::remove_all(directory_); }

  std::vector<QuarantinedPort> load(TimePoint now = kNow) {
    return PortQuarantine(directory_).load(kRest, now);
  }
  fs::path file() const {
    for (const auto& entry : fs::directory_iterator(directory_)) return entry.path();
    return {};
  }

  std::string directory_;
};

TEST_F(PortMemoryTest, APortInUseRestsFromTheRestartOn) {
  const MappingView one = mapping(Protocol::udp, "203.0.113.11:4321", "10.0.0.1:5000");
  { PortQuarantine(directory_).changed(test::made(one, kNow - std::chrono::hours(2))); }
  const auto quarantined = load();
  ASSERT_EQ(quarantined.size(), 1U);
  EXPECT_EQ(quarantined[0].protocol, Protocol::udp);
  EXPECT_EQ(quarantined[0].external, one.external);
  EXPECT_EQ(quarantined[0].owner, one.internal);
  EXPECT_EQ(quarantined[0].until, kNow + kRest);
  // And from then on only: another restart does not begin the quarantine anew.
  EXPECT_EQ(load(kNow + std::chrono::seconds(100)).at(0).until, kNow + kRest);
  EXPECT_TRUE(load(kNow + kRest).empty());
}

TEST_F(PortMemoryTest, AReleasedPortRestsOnlyWhatIsLeft) {
  {
    PortQuarantine memory(directory_);
    for (const char* external : {"203.0.113.11:7", "203.0.113.12:8"}) {
      const MappingView one = mapping(Protocol::icmp, external, "10.0.0.1:7");
      memory.changed(test::made(one, kNow - std::chrono::seconds(300)));
      const int ago = one.external.port == 7 ? 30 : 130;
      memory.changed(test::ended(one, RemovalCause::expired, kNow - std::chrono::seconds(ago)));
    }
  }
  const auto quarantined = load();
  ASSERT_EQ(quarantined.size(), 1U) << "the other has rested enough";
  EXPECT_EQ(quarantined[0].external, endpoint("203.0.113.11:7"));
  EXPECT_EQ(quarantined[0].until, kNow + std::chrono::seconds(90));
}

TEST_F(PortMemoryTest, TheEarliestEndOfRestComesFirst) {
  {
    PortQuarantine memory(directory_);
    for (const char* external : {"203.0.113.11:1024", "203.0.113.11:65535", "203.0.113.11:1"}) {
      const MappingView one = mapping(Protocol::udp, external, "10.0.0.1:1");
      memory.changed(test::made(one, kNow));
      memory.changed(
          test::ended(one, RemovalCause::expired, kNow - std::chrono::seconds(one.external.port / 1024)));
    }
  }
  const auto quarantined = load();
  ASSERT_EQ(quarantined.size(), 3U);
  EXPECT_EQ(quarantined[0].external.port, 65535);
  EXPECT_EQ(quarantined[1].external.port, 1024);
  EXPECT_EQ(quarantined[2].external.port, 1);
}

// TCP's are free at once, and no other host has the port of a forward anyway.
TEST_F(PortMemoryTest, OnlyWhatRestsIsNoted) {
  {
    PortQuarantine memory(directory_);
    memory.changed(test::made(mapping(Protocol::tcp, "203.0.113.11:80", "10.0.0.1:80"), kNow));
    MappingView forward = mapping(Protocol::udp, "203.0.113.11:53", "10.0.0.1:53");
    forward.origin = Origin::configured;
    memory.changed(test::made(forward, kNow));
  }
  EXPECT_TRUE(load().empty());
  EXPECT_EQ(file(), fs::path()) << "nobody needs the file";
}

TEST_F(PortMemoryTest, AnotherBootsFileIsNotRead) {
  {
    PortQuarantine(directory_)
        .changed(test::made(mapping(Protocol::udp, "203.0.113.11:5", "10.0.0.1:5"), kNow));
  }
  {
    std::fstream head(file(), std::ios::in | std::ios::out | std::ios::binary);
    head.seekp(10);
    head.put('!');
  }
  EXPECT_TRUE(load().empty());
  EXPECT_EQ(load().size(), 0U);
}

TEST_F(PortMemoryTest, ACutOrGarbledFileDoesNoHarm) {
  for (const std::uintmax_t size : {0U, 1U, 100U, 4096U, 4100U, 4096U + 16U * 2000U}) {
    {
      PortQuarantine(directory_)
          .changed(test::made(mapping(Protocol::udp, "203.0.113.11:3000", "10.0.0.1:5"), kNow));
    }
    fs::resize_file(file(), size);
    EXPECT_TRUE(load().empty()) << size;
  }
  {
    PortQuarantine(directory_)
        .changed(test::made(mapping(Protocol::udp, "203.0.113.11:3000", "10.0.0.1:5"), kNow));
  }
  std::fstream records(file(), std::ios::in | std::ios::out | std::ios::binary);
  records.seekp(4096);
  for (int i = 0; i < 16 * 4000; ++i) records.put(static_cast<char>(i * 7));
  records.close();
  for (const QuarantinedPort& port : load()) {
    EXPECT_LE(port.until, kNow + kRest);
    EXPECT_NE(port.external.port, 0);
  }
}

TEST_F(PortMemoryTest, ADirectoryThatCannotBeWrittenIsAProblemToTell) {
  PortQuarantine memory("/proc/there-is-no-such-place");
  EXPECT_NE(memory.problem().find("cannot write"), std::string::npos);
  memory.changed(test::made(mapping(Protocol::udp, "203.0.113.11:5", "10.0.0.1:5"), kNow));
  EXPECT_TRUE(memory.load(kRest, kNow).empty());
}

// Nothing is written when it ends: what was noted is there already.
// Rows: C8
TEST_F(PortMemoryTest, OneThatIsKilledHasNotedAll) {
  const pid_t child = fork();
  if (child == 0) {
    PortQuarantine memory(directory_);
    memory.changed(test::made(mapping(Protocol::udp, "203.0.113.11:9", "10.0.0.1:9"), kNow));
    raise(SIGKILL);
  }
  waitpid(child, nullptr, 0);
  EXPECT_EQ(load().size(), 1U);
}

// --- A full disk

constexpr int kRefused = 77;

// On a disk with room for the head and one granule.
void remember_on_a_full_disk(const std::string& directory) {
  if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    _exit(kRefused);
  }
  if (mount("none", directory.c_str(), "tmpfs", 0, "size=96k") != 0) _exit(kRefused);
  PortQuarantine memory(directory);
  const auto note = [&](const char* external) {
    memory.changed(test::made(mapping(Protocol::udp, external, "10.0.0.1:9"), kNow));
  };
  note("203.0.113.11:9");
  if (!memory.problem().empty()) _exit(1);
  note("203.0.113.11:60000");
  if (memory.problem().find("No space left on device") == std::string::npos) _exit(2);
  note("203.0.113.11:60001");
  memory.changed(
      test::ended(mapping(Protocol::udp, "203.0.113.11:60000", "10.0.0.1:9"), RemovalCause::expired, kNow));
  _exit(PortQuarantine(directory).load(kRest, kNow).size() == 1 ? 0 : 3);
}

TEST_F(PortMemoryTest, AFullDiskIsAProblemToTellAndNoSignal) {
  const pid_t child = fork();
  if (child == 0) remember_on_a_full_disk(directory_);
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
  if (WEXITSTATUS(status) == kRefused) GTEST_SKIP() << "this machine refuses mounts";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

// --- More addresses than there are places

constexpr auto kNewcomer = "198.51.100.1:7";

// Each with one port.
void note_256_addresses(PortQuarantine& memory, bool in_use, TimePoint when) {
  for (std::uint32_t i = 0; i < 256; ++i) {
    MappingView one = mapping(Protocol::udp, "203.0.113.0:5", "10.0.0.1:5");
    one.external.address = Address(one.external.address.value() + i);
    memory.changed(test::made(one, when));
    if (!in_use) memory.changed(test::ended(one, RemovalCause::expired, when));
  }
}

TEST_F(PortMemoryTest, AnAddressThatNeedsItsPlaceNoMoreGivesItToTheNext) {
  {
    PortQuarantine memory(directory_);
    note_256_addresses(memory, false, kNow - std::chrono::hours(1));
    memory.changed(test::made(mapping(Protocol::udp, kNewcomer, "10.0.0.1:7"), kNow));
    EXPECT_EQ(memory.problem(), "");
  }
  const auto quarantined = load();
  ASSERT_EQ(quarantined.size(), 1U);
  EXPECT_EQ(quarantined[0].external, endpoint(kNewcomer)) << "and nothing that the other had there";
  EXPECT_EQ(PortQuarantine(directory_).load(std::chrono::hours(9), kNow).size(), 256U);
}

TEST_F(PortMemoryTest, AnAddressThatNeedsItsPlaceNoMoreIsKnownAfterARestart) {
  {
    PortQuarantine memory(directory_);
    note_256_addresses(memory, false, kNow - std::chrono::hours(1));
  }
  PortQuarantine memory(directory_);
  EXPECT_TRUE(memory.load(kRest, kNow).empty());
  memory.changed(test::made(mapping(Protocol::udp, kNewcomer, "10.0.0.1:7"), kNow));
  EXPECT_EQ(memory.problem(), "");
  EXPECT_EQ(load().size(), 1U);
}

TEST_F(PortMemoryTest, WhereAllPlacesAreNeededTheNewcomerIsAProblemToTell) {
  {
    PortQuarantine memory(directory_);
    note_256_addresses(memory, true, kNow - std::chrono::hours(2));
    const MappingView leaving = mapping(Protocol::udp, "203.0.113.9:5", "10.0.0.1:5");
    memory.changed(test::ended(leaving, RemovalCause::expired, kNow - std::chrono::minutes(59)));
    EXPECT_EQ(memory.problem(), "");
    memory.changed(test::made(mapping(Protocol::udp, kNewcomer, "10.0.0.1:7"), kNow));
    EXPECT_EQ(memory.problem().find("no room for 198.51.100.1 in " + file().string() + ": 256 external"), 0U);
    memory.changed(test::made(mapping(Protocol::udp, "203.0.113.9:6", "10.0.0.1:6"), kNow));
  }
  // The others are dormant as before.
  const auto quarantined = load();
  EXPECT_EQ(quarantined.size(), 256U);
  for (const QuarantinedPort& one : quarantined) EXPECT_NE(one.external, endpoint(kNewcomer));
}

// --- The engine's side.

Policy eight_ports() {
  Policy policy = plain_policy();
  policy.ports.ranges = {{40000, 40007}};
  policy.ports.preserve = false;
  return policy;
}

// Rows: C8
TEST(EngineRest, ARecalledPortGoesToNobodyElseUntilItHasRested) {
  TestGateway gateway(eight_ports());
  const std::vector<QuarantinedPort> quarantined{{Protocol::udp, endpoint("203.0.113.11:40003"),
                                                  endpoint("10.0.0.1:40003"), gateway.now() + seconds(120)}};
  gateway.engine.quarantine(quarantined, gateway.now());
  gateway.pass(milliseconds(119'999));
  std::set<std::uint16_t> given;
  for (std::uint16_t i = 0; i < 7; ++i) {
    const Outcome outcome = gateway.from_inside(udp({address("10.0.0.2"), i}, endpoint("192.0.2.31:1")));
    ASSERT_TRUE(outcome.forwarded());
    given.insert(source_of(outcome.packet).port);
  }
  EXPECT_EQ(given.size(), 7U);
  EXPECT_FALSE(given.contains(40003));
  EXPECT_EQ(gateway.from_inside(udp("10.0.0.2:99", "192.0.2.31:1")).reason, Reason::ports_exhausted);
  gateway.pass(milliseconds(1));
  EXPECT_EQ(source_of(gateway.from_inside(udp("10.0.0.2:99", "192.0.2.31:1")).packet).port, 40003);
}

// Rows: C8
TEST(EngineRest, ItsOwnerGetsItBackAtOnce) {
  TestGateway gateway;
  const std::vector<QuarantinedPort> quarantined{{Protocol::udp, endpoint("203.0.113.11:4321"),
                                                  endpoint("10.0.0.1:4321"), gateway.now() + seconds(120)}};
  gateway.engine.quarantine(quarantined, gateway.now());
  EXPECT_NE(source_of(gateway.from_inside(udp("10.0.0.2:4321", "192.0.2.31:1")).packet).port, 4321);
  EXPECT_EQ(source_of(gateway.from_inside(udp("10.0.0.1:4321", "192.0.2.31:1")).packet).port, 4321);
}

TEST(EngineRest, WhatCannotRestIsLeftAlone) {
  TestGateway gateway(eight_ports());
  const Endpoint used = source_of(gateway.from_inside(udp("10.0.0.2:1", "192.0.2.31:1")).packet);
  const std::vector<QuarantinedPort> quarantined{
      {Protocol::udp, used, endpoint("10.0.0.1:1"), gateway.now() + seconds(120)},
      {Protocol::udp, endpoint("203.0.113.11:5"), endpoint("10.0.0.1:1"), gateway.now() + seconds(120)},
      {Protocol::udp, endpoint("198.51.100.1:40001"), endpoint("10.0.0.1:1"), gateway.now() + seconds(120)},
      {Protocol::udp, endpoint("203.0.113.11:40001"), endpoint("10.0.0.1:1"), gateway.now()}};
  gateway.engine.quarantine(quarantined, gateway.now());
  const Gauges gauges = gateway.engine.gauges();
  for (const Gauges::Pool& pool : gauges.pools) EXPECT_EQ(pool.quarantined, 0U);
  EXPECT_EQ(source_of(gateway.from_inside(udp("10.0.0.2:1", "192.0.2.31:1")).packet), used);
}

}  // namespace
}  // namespace nat::test
