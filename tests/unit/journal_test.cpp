// The journal takes back what was changed, last to first, whoever opens it after a crash, and nothing of
// another namespace; what cannot be taken back stays. Changes are made in a network namespace of the test's
// own; where it may not make one, it skips.
#include "natd/system/journal.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include "natd/system/command.h"
#include "natd/system/own_names.h"
#include "natd/system/sysctl.h"

namespace nat {
namespace {

namespace fs = std::filesystem;

constexpr const char* kRedirects = "net/ipv4/conf/lo/send_redirects";
constexpr const char* kForwarding = "net/ipv4/conf/lo/forwarding";
constexpr const char* kPorts = "net/ipv4/ip_local_port_range";
constexpr const char* kFirstPort = "net/ipv4/ip_unprivileged_port_start";  // the range may not begin below

std::string content(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

std::size_t lines(const fs::path& path) {
  const std::string text = content(path);
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

class JournalTest : public ::testing::Test {
 protected:
  JournalTest() {
    std::string pattern = fs::temp_directory_path() / "natd-journal-XXXXXX";
    directory_ = mkdtemp(pattern.data());
  }
  ~JournalTest() override { fs::remove_all(directory_); }

  // Runs `body` in a thread that has a network namespace to itself. False where that is not allowed.
  template <typename Body>
  void in_own_namespace(Body body) {
    bool allowed = false;
    std::thread([&] {
      allowed = unshare(CLONE_NEWNET) == 0;
      if (allowed) body();
    }).join();
    if (!allowed) GTEST_SKIP() << "making a network namespace needs root";
  }

  std::string directory() const { return directory_; }
  bool empty() const { return fs::is_empty(directory_); }
  // Of this thread's namespace; there must be one.
  fs::path file() const { return fs::directory_iterator(directory_)->path(); }

  // Opening the journal must be refused, with `told` in the sentence.
  void expect_refused(const std::string& told) const {
    try {
      const Journal journal(directory());
      FAIL() << "must throw: " << told;
    } catch (const std::runtime_error& error) {
      EXPECT_NE(std::string(error.what()).find(told), std::string::npos) << error.what();
    }
  }

 private:
  fs::path directory_;
};

TEST_F(JournalTest, UndoesLastToFirst) {
  Journal journal(directory());
  journal.note(RemoveTable{kTable});
  journal.note(RemoveRoutes{});
  EXPECT_EQ(journal.pending(),
            (std::vector<std::string>{describe(RemoveRoutes{}), describe(RemoveTable{kTable})}));
}

TEST_F(JournalTest, WhatIsNotedIsInTheFileBeforeTheCallReturns) {
  Journal journal(directory());
  journal.note(RemoveTable{kTable});
  EXPECT_EQ(lines(file()), 2U);
  EXPECT_NE(content(file()).find("\n" + to_line(RemoveTable{kTable}) + "\n"), std::string::npos);
}

TEST_F(JournalTest, WhatCannotBeWrittenDownIsRefused) {
  Journal journal(directory());
  fs::remove(directory());
  std::ofstream(directory()) << "no directory";
  EXPECT_THROW(journal.note(RemoveTable{kTable}), std::runtime_error);
  EXPECT_TRUE(journal.pending().empty()) << "the change is not made, and need not be taken back";
}

TEST_F(JournalTest, ParametersOutOfBoundsAreRefused) {
  Journal journal(directory());
  EXPECT_THROW(journal.note(RemoveTable{"filter"}), std::runtime_error);
  EXPECT_THROW(journal.note(RestoreSysctl{"kernel/core_pattern", "1"}), std::runtime_error);
  EXPECT_TRUE(empty());
}

TEST_F(JournalTest, OutlivesItsProcess) {
  {
    Journal killed(directory());
    EXPECT_FALSE(killed.stale());
    killed.note(RemoveTable{kTable});
    EXPECT_FALSE(killed.stale()) << "its own entries are not left over";
  }
  const Journal next(directory());
  EXPECT_TRUE(next.stale());
  EXPECT_EQ(next.pending().size(), 1U);
}

TEST_F(JournalTest, TheSameChangeAgainAddsNoLine) {
  Journal journal(directory());
  for (int flap = 0; flap < 500; ++flap) {
    journal.note(RestoreSysctl{kForwarding, std::to_string(flap % 2)});
    journal.note(RestoreLinkGroup{"wan0", static_cast<std::uint32_t>(flap)});
    journal.note(RemoveTable{kTable});
  }
  EXPECT_EQ(lines(file()), 4U) << "the head, and one for each thing";
  EXPECT_EQ(journal.pending().back(), describe(RestoreSysctl{kForwarding, "1"})) << "as it was found last";
  EXPECT_EQ(journal.take_changes().size(), 3U) << "what waits for the log does not grow either";
}

TEST_F(JournalTest, TheKernelsRuleIsNotForgottenOnceItIsAway) {
  Journal journal(directory());
  journal.note(RestoreLocalRule{true});
  journal.note(RestoreLocalRule{false});
  EXPECT_NE(content(file()).find(to_line(RestoreLocalRule{true})), std::string::npos);
}

TEST_F(JournalTest, HasAMostNumberOfEntries) {
  Journal journal(directory());
  for (std::size_t number = 0; number < Journal::kMostEntries; ++number) {
    journal.note(RemoveAddress{"wan0", Address(static_cast<std::uint32_t>(number + 1))});
  }
  EXPECT_THROW(journal.note(RemoveTable{kTable}), std::runtime_error);
  EXPECT_EQ(Journal(directory()).pending().size(), Journal::kMostEntries);
}

TEST_F(JournalTest, GivesSysctlsTheirOldValuesBack) {
  in_own_namespace([&] {
    Journal journal(directory());
    const auto redirects = read_sysctl(kRedirects);
    const auto ports = read_sysctl(kPorts);
    journal.set_sysctl(kRedirects, redirects == "0" ? "1" : "0");
    journal.set_sysctl(kPorts, "60000 60999");
    EXPECT_NE(read_sysctl(kRedirects), redirects);
    EXPECT_EQ(read_sysctl(kPorts), "60000 60999");
    EXPECT_EQ(journal.take_changes().size(), 2U);
    EXPECT_TRUE(journal.undo_all().empty());
    EXPECT_EQ(read_sysctl(kRedirects), redirects);
    EXPECT_EQ(read_sysctl(kPorts), ports);
    EXPECT_TRUE(empty()) << "and leaves no file";
  });
}

TEST_F(JournalTest, LeavesASysctlAloneThatHasTheValue) {
  in_own_namespace([&] {
    Journal journal(directory());
    journal.set_sysctl(kPorts, *read_sysctl(kPorts));
    EXPECT_TRUE(journal.take_changes().empty());
    EXPECT_TRUE(empty());
  });
}

TEST_F(JournalTest, IsUndoneFromMemoryWhenTheFileIsGone) {
  in_own_namespace([&] {
    Journal journal(directory());
    const auto ports = read_sysctl(kPorts);
    journal.set_sysctl(kPorts, "60000 60999");
    fs::remove_all(directory());
    EXPECT_TRUE(journal.undo_all().empty());
    EXPECT_EQ(read_sysctl(kPorts), ports);
  });
}

TEST_F(JournalTest, AFileThatWasRemovedComesBackWhole) {
  Journal journal(directory());
  journal.note(RemoveTable{kTable});
  fs::remove_all(directory());
  journal.note(RemoveRoutes{});
  EXPECT_EQ(Journal(directory()).pending().size(), 2U);
}

TEST_F(JournalTest, WhatCannotBeUndoneStaysAndTheRestIsUndone) {
  in_own_namespace([&] {
    Journal journal(directory());
    const auto redirects = read_sysctl(kRedirects);
    const auto ports = read_sysctl(kPorts);
    journal.set_sysctl(kRedirects, redirects == "0" ? "1" : "0");
    journal.set_sysctl(kPorts, "60000 60999");
    ASSERT_EQ(write_sysctl(kFirstPort, "50000"), 0);
    const auto problems = journal.undo_all();
    ASSERT_EQ(problems.size(), 1U);
    EXPECT_NE(problems[0].find(kPorts), std::string::npos) << problems[0];
    EXPECT_EQ(read_sysctl(kRedirects), redirects);

    Journal next(directory());
    EXPECT_TRUE(next.stale());
    EXPECT_EQ(next.pending().size(), 1U);
    EXPECT_EQ(next.undo_all().size(), 1U) << "still in the way";
    EXPECT_NE(next.advice().find(file().string()), std::string::npos);
    ASSERT_EQ(write_sysctl(kFirstPort, "1024"), 0);
    EXPECT_TRUE(next.undo_all().empty());
    EXPECT_EQ(read_sysctl(kPorts), ports);
    EXPECT_TRUE(empty());
  });
}

TEST_F(JournalTest, KeepsOneEntryWhenItIsTold) {
  in_own_namespace([&] {
    ASSERT_EQ(run_command({"nft", "table ip natd_block { }; table ip natd { }"}).status, 0);
    Journal journal(directory());
    journal.note(RemoveTable{kBlockTable});
    journal.note(RemoveTable{kTable});
    EXPECT_TRUE(journal.undo_all(RemoveTable{kBlockTable}).empty());
    EXPECT_EQ(run_command({"nft", "list", "tables"}).output, "table ip natd_block\n");
    EXPECT_TRUE(Journal(directory()).holds_only(RemoveTable{kBlockTable}));
    journal.forget(RemoveTable{kBlockTable});
    EXPECT_TRUE(empty());
  });
}

TEST_F(JournalTest, LeftoversCountAsStale) {
  Journal journal(directory());
  journal.note(RemoveTable{kTable});
  journal.add_leftovers({RemoveTable{kTable}});
  EXPECT_FALSE(journal.stale()) << "that one is known";
  journal.add_leftovers({RemoveTable{kTable}, RemoveTable{kBlockTable}});
  EXPECT_TRUE(journal.stale());
  EXPECT_EQ(journal.pending().size(), 2U);
}

// --- What is not believed

TEST_F(JournalTest, ALineThatIsNoEntryIsToldAndStays) {
  for (const char* line :
       {R"({"undo":"tab)", R"({"undo":["touch","/tmp/natd-was-here"]})", R"({"undo":"dance"})",
        R"({"undo":"sysctl","key":"net/ipv4/conf/../../../kernel/core_pattern","value":"1"})"}) {
    Journal(directory()).note(RemoveAddress{"nosuch0", Address(203, 0, 113, 12)});
    std::ofstream(file(), std::ios::app) << line;
    Journal next(directory());
    const auto problems = next.undo_all();
    ASSERT_EQ(problems.size(), 1U) << "the broken line is told, not guessed at";
    EXPECT_NE(problems[0].find(line), std::string::npos) << problems[0];
    EXPECT_EQ(lines(file()), 2U) << "the other entry was undone";
    EXPECT_NE(content(file()).find(line), std::string::npos);
    fs::remove(file());
  }
}

TEST_F(JournalTest, DoesNotPlayTheJournalOfAnotherNamespaceOrBoot) {
  for (const auto& [said, other] :
       {std::pair{"\"namespace\":", "\"namespace\":1"}, std::pair{"\"boot\":\"", "\"boot\":\"x"}}) {
    Journal(directory()).note(RemoveTable{kTable});
    std::string text = content(file());
    text.replace(text.find(said), std::string(said).size(), other);
    std::ofstream(file()) << text;
    EXPECT_FALSE(Journal(directory()).stale()) << "the inode came back, the namespace did not";
    EXPECT_TRUE(empty());
  }
}

TEST_F(JournalTest, AFileThatDoesNotSayWhoseItIsIsRefused) {
  Journal(directory()).note(RemoveTable{kTable});
  const fs::path path = file();
  for (const char* head : {"", "\n", "{}\n", "natd\n", "[1]\n"}) {
    std::ofstream(path) << head << to_line(RemoveTable{kTable}) << "\n";
    expect_refused(path);
    EXPECT_TRUE(fs::exists(path)) << "it is for somebody to look at";
  }
}

TEST_F(JournalTest, AFileThatOthersCouldHaveWrittenIsRefused) {
  Journal(directory()).note(RemoveTable{kTable});
  const fs::path path = file();
  for (const mode_t mode : {0622U, 0602U, 0620U}) {
    ASSERT_EQ(chmod(path.c_str(), mode), 0);
    expect_refused("can be written by others");
  }
  ASSERT_EQ(chmod(path.c_str(), 0600), 0);
  EXPECT_TRUE(Journal(directory()).stale());
  if (geteuid() != 0) GTEST_SKIP() << "giving a file away needs root";
  ASSERT_EQ(chown(path.c_str(), 12345, 0), 0);
  expect_refused("user 12345");
}

TEST_F(JournalTest, LinksAndWhatIsNoFileAreRefused) {
  Journal(directory()).note(RemoveTable{kTable});
  const fs::path path = file();
  const fs::path aside = directory() + "/aside";
  fs::create_hard_link(path, aside);
  expect_refused("hard link");
  fs::remove(path);
  fs::create_symlink(aside, path);
  expect_refused("symbolic link");
  fs::remove(path);
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  expect_refused("no plain file");
  fs::remove(path);
  fs::create_directory(path);
  expect_refused("no plain file");
}

TEST_F(JournalTest, AFileTooLargeIsRefused) {
  Journal(directory()).note(RemoveTable{kTable});
  const fs::path path = file();
  std::ofstream(path, std::ios::app) << std::string(2 << 20, 'x');
  expect_refused("too large");
  fs::remove(path);
  Journal(directory()).note(RemoveTable{kTable});
  std::ofstream more(path, std::ios::app);
  for (std::size_t line = 0; line < Journal::kMostEntries; ++line) more << "x\n";
  more.close();
  expect_refused("more entries");
}

}  // namespace
}  // namespace nat
