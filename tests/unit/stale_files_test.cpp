// Files of namespaces that are gone are removed, and nothing else is: not those of living ones, not those
// under a lock, not those of other programs; and none at all while it cannot be told who lives.
#include "natd/system/stale_files.h"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "natd/system/descriptor.h"
#include "natd/system/namespace.h"

namespace nat {
namespace {

namespace fs = std::filesystem;

class StaleFilesTest : public ::testing::Test {
 protected:
  StaleFilesTest() {
    std::string pattern = fs::temp_directory_path() / "natd-stale-XXXXXX";
    directory_ = mkdtemp(pattern.data());
  }
  ~StaleFilesTest() override { fs::remove_all(directory_); }

  void make(const std::string& name, const std::string& text = "x") const {
    std::ofstream(directory_ / name) << text;
  }
  void age(const char* name, std::chrono::hours age) const {
    fs::last_write_time(directory_ / name, fs::file_time_type::clock::now() - age);
  }
  std::set<std::string> there() const {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(directory_)) names.insert(entry.path().filename());
    return names;
  }

  fs::path directory_;
};

TEST_F(StaleFilesTest, FilesOfNamespacesThatAreGoneAreRemoved) {
  for (const char* name : {"netns-7.journal", "netns-7.journal.new", "netns-7.ports", "netns-7.lock",
                           "netns-8.journal", "netns-8.ports"}) {
    make(name);
  }
  age("netns-8.journal", std::chrono::hours(1000));
  EXPECT_EQ(remove_stale_files(directory_, std::set<ino_t>{8}), 3U)
      << "a lock that nobody holds does not count";
  EXPECT_EQ(there(), (std::set<std::string>{"netns-8.journal", "netns-8.ports"}));
}

TEST_F(StaleFilesTest, FilesOfOthersStay) {
  const std::set<std::string> names{"control.sock",    "netns-",
                                    "netns-7",         "netns-7.journal~",
                                    "netns-x.journal", "netns-7.ports.bak",
                                    "xnetns-7.ports",  "netns--7.ports",
                                    "netns-7 .ports",  "netns-99999999999999999999999.ports"};
  for (const std::string& name : names) make(name);
  fs::create_directory(directory_ / "netns-9.ports");
  EXPECT_EQ(remove_stale_files(directory_, std::set<ino_t>{}), 0U);
  std::set<std::string> expected = names;
  expected.insert("netns-9.ports");
  EXPECT_EQ(there(), expected);
}

TEST_F(StaleFilesTest, WhatANatdHoldsOrThisNamespaceHasStays) {
  make("netns-7.journal");
  make("netns-7.lock");
  const std::string own = fs::path(namespace_file(directory_, ".journal")).filename();
  make(own);
  const Descriptor lock(open((directory_ / "netns-7.lock").c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_EQ(flock(lock.get(), LOCK_EX), 0);
  EXPECT_EQ(remove_stale_files(directory_, std::set<ino_t>{}), 0U);
  EXPECT_EQ(there(), (std::set<std::string>{"netns-7.journal", "netns-7.lock", own}));
}

TEST_F(StaleFilesTest, ALinkIsRemovedAndNotFollowed) {
  make("precious");
  fs::create_symlink(directory_ / "precious", directory_ / "netns-7.ports");
  fs::create_symlink(directory_ / "precious", directory_ / "netns-8.lock");
  make("netns-8.ports");
  remove_stale_files(directory_, std::set<ino_t>{});
  EXPECT_EQ(there(), (std::set<std::string>{"precious", "netns-8.lock", "netns-8.ports"}))
      << "a lock that is a link is nobody's to take";
}

TEST_F(StaleFilesTest, WhileItCannotBeToldWhoLivesOnlyOtherBootsAndOldFilesGo) {
  make("netns-7.journal", "{\"boot\":\"" + boot_id() + "\",\"namespace\":7}\n");
  make("netns-7.ports", "natdprt1" + boot_id());
  make("netns-8.journal", "{\"boot\":\"00000000-0000-0000-0000-000000000000\",\"namespace\":7}\n");
  make("netns-8.ports", "natdprt100000000-0000-0000-0000-000000000000");
  make("netns-9.journal", "something else");
  make("netns-10.journal", "something else");
  age("netns-9.journal", std::chrono::hours(23));
  age("netns-10.journal", std::chrono::hours(25));
  EXPECT_EQ(remove_stale_files(directory_, std::nullopt), 3U);
  EXPECT_EQ(there(), (std::set<std::string>{"netns-7.journal", "netns-7.ports", "netns-9.journal"}));
}

TEST_F(StaleFilesTest, ADirectoryThatIsNotThereHasNone) {
  EXPECT_EQ(remove_stale_files(directory_ / "none", std::set<ino_t>{}), 0U);
}

// A /proc of two processes, as the links in it show them.
class LivingTest : public StaleFilesTest {
 protected:
  LivingTest() {
    link("self/ns/pid", "pid:[4026531836]");
    text("self/mountinfo", "22 27 0:21 / /proc rw,nosuid - proc proc rw\n");
    link("1/task/1/ns/net", "net:[11]");
    link("1/task/2/ns/net", "net:[12]");
    link("1/fd/3", "net:[13]");
    link("1/fd/4", "socket:[99]");
    link("1/ns/mnt", "mnt:[1]");
    text("1/mountinfo", "36 35 0:4 net:[14] /run/netns/a rw - nsfs nsfs rw\n");
    link("2/task/2/ns/net", "net:[11]");
    link("2/ns/mnt", "mnt:[2]");
    text("2/mountinfo", "36 35 0:4 net:[15] /run/netns/b rw - nsfs nsfs rw\n");
    link("notes/task/2/ns/net", "net:[66]");
  }
  void link(const std::string& name, const std::string& to) const {
    fs::create_directories((directory_ / name).parent_path());
    fs::remove(directory_ / name);
    fs::create_symlink(to, directory_ / name);
  }
  void text(const std::string& name, const std::string& what) const {
    fs::create_directories((directory_ / name).parent_path());
    std::ofstream(directory_ / name) << what;
  }
};

TEST_F(LivingTest, ThreadsDescriptorsAndMountsKeepANamespaceAlive) {
  EXPECT_EQ(living_namespaces(directory_), (std::set<ino_t>{11, 12, 13, 14, 15}));
}

TEST_F(LivingTest, AProcessThatEndsMeanwhileIsNoReasonToDoubt) {
  fs::create_directories(directory_ / "3");
  EXPECT_TRUE(living_namespaces(directory_).has_value());
}

TEST_F(LivingTest, ItCannotBeToldWhereProcessesAreNotSeen) {
  link("self/ns/pid", "pid:[4026532999]");
  EXPECT_EQ(living_namespaces(directory_), std::nullopt) << "a container sees its own only";
  link("self/ns/pid", "pid:[4026531836]");
  text("self/mountinfo", "22 27 0:21 / /proc rw,nosuid - proc proc rw,hidepid=invisible\n");
  EXPECT_EQ(living_namespaces(directory_), std::nullopt);
}

TEST_F(LivingTest, ItCannotBeToldWhereProcessesMayNotBeLookedAt) {
  fs::remove(directory_ / "2/task/2/ns/net");
  text("2/task/2/ns/net", "no link, so that reading it fails as for want of a right");
  EXPECT_EQ(living_namespaces(directory_), std::nullopt);
}

// Where this process may not look at every other one, none is told; where it may, its own is among them.
TEST(Living, ANamespaceIsAliveWhileAThreadIsInIt) {
  const auto own = [] {
    struct stat status {};
    EXPECT_EQ(stat("/proc/thread-self/ns/net", &status), 0);
    const auto living = living_namespaces();
    return !living || living->contains(status.st_ino);
  };
  EXPECT_TRUE(own());
  std::thread([&] {
    if (unshare(CLONE_NEWNET) == 0) {
      EXPECT_TRUE(own());
    }
  }).join();
}

}  // namespace
}  // namespace nat
