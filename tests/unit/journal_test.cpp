// The journal takes back what was changed, last to first, whoever opens it after a crash, and nothing of
// another namespace. Sysctls are changed in a network namespace of the test's own; where it may not make one,
// it skips.
#include "natd/system/journal.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <sched.h>

namespace nat {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTtl = "net/ipv4/ip_default_ttl";
constexpr const char* kPorts = "net/ipv4/ip_local_port_range";

std::string first_line(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::string sysctl(const std::string& key) { return first_line("/proc/sys/" + key); }

class JournalTest : public ::testing::Test {
 protected:
  JournalTest() {
    std::string pattern = fs::temp_directory_path() / "natd-journal-XXXXXX";
    directory_ = mkdtemp(pattern.data());
  }
  ~JournalTest() override { fs::remove_all(directory_); }

  // Runs `body` in a thread that has a network namespace to itself. False where that is not allowed.
  template <typename Body>
  bool in_own_namespace(Body body) {
    bool allowed = false;
    std::thread([&] {
      allowed = unshare(CLONE_NEWNET) == 0;
      if (allowed) body();
    }).join();
    return allowed;
  }

  std::string directory() const { return directory_; }
  std::string path(const std::string& name) const { return directory_ / name; }
  bool empty() const { return fs::is_empty(directory_); }

 private:
  fs::path directory_;
};

TEST_F(JournalTest, UndoesCommandsLastToFirst) {
  Journal journal(directory());
  const std::string trace = path("trace");
  journal.run({"sh", "-c", "true"}, {"sh", "-c", "printf first, >>" + trace});
  journal.run({"sh", "-c", "true"}, {"sh", "-c", "printf second, >>" + trace});
  EXPECT_TRUE(journal.undo_all().empty());
  EXPECT_EQ(first_line(trace), "second,first,");
}

TEST_F(JournalTest, WritesDownBeforeItActs) {
  Journal journal(directory());
  const std::string undone = path("undone");
  EXPECT_THROW(journal.run({"sh", "-c", "echo no good >&2; exit 3"}, {"touch", undone}), std::runtime_error);
  EXPECT_TRUE(journal.undo_all().empty());
  EXPECT_TRUE(fs::exists(undone)) << "a command that failed may have done half its work";
}

TEST_F(JournalTest, SaysWhatACommandPrintedWhenItFails) {
  Journal journal(directory());
  try {
    journal.run({"sh", "-c", "cat; echo no good >&2; exit 3"}, {"true"}, "given ");
    FAIL() << "must throw";
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("given no good"), std::string::npos) << error.what();
  }
}

TEST_F(JournalTest, OutlivesItsProcess) {
  const std::string undone = path("undone");
  {
    Journal killed(directory());
    EXPECT_FALSE(killed.stale());
    killed.run({"true"}, {"touch", undone});
    EXPECT_FALSE(killed.stale()) << "its own entries are not left over";
  }
  Journal next(directory());
  EXPECT_TRUE(next.stale());
  EXPECT_EQ(next.pending().size(), 1U);
  EXPECT_TRUE(next.undo_all().empty());
  EXPECT_TRUE(fs::exists(undone));
  EXPECT_FALSE(next.stale());
}

TEST_F(JournalTest, ReportsWhatItCannotUndoAndGoesOn) {
  const std::string undone = path("undone");
  Journal journal(directory());
  journal.run({"true"}, {"touch", undone});
  journal.run({"true"}, {"sh", "-c", "echo busy; exit 1"});
  const auto problems = journal.undo_all();
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_NE(problems[0].find("busy"), std::string::npos) << problems[0];
  EXPECT_TRUE(fs::exists(undone));
}

TEST_F(JournalTest, LeavesNothingBehind) {
  Journal journal(directory());
  journal.run({"true"}, {"true"});
  EXPECT_FALSE(empty());
  journal.undo_all();
  EXPECT_TRUE(empty());
}

TEST_F(JournalTest, SurvivesALineThatWasCutOff) {
  const std::string undone = path("undone");
  Journal(directory()).run({"true"}, {"touch", undone});
  const fs::path file = fs::directory_iterator(directory())->path();
  std::ofstream(file, std::ios::app) << "{\"undo\":[\"tou";
  Journal next(directory());
  EXPECT_EQ(next.undo_all().size(), 1U) << "the broken line is told, not guessed at";
  EXPECT_TRUE(fs::exists(undone));
}

TEST_F(JournalTest, GivesSysctlsTheirOldValuesBack) {
  const bool ran = in_own_namespace([&] {
    Journal journal(directory());
    const std::string ttl = sysctl(kTtl);
    const std::string ports = sysctl(kPorts);
    journal.set_sysctl(kTtl, "33");
    journal.set_sysctl(kPorts, "60000 60999");
    EXPECT_EQ(sysctl(kTtl), "33");
    EXPECT_EQ(sysctl(kPorts), "60000\t60999");
    EXPECT_EQ(journal.changes().size(), 2U);
    EXPECT_TRUE(journal.undo_all().empty());
    EXPECT_EQ(sysctl(kTtl), ttl);
    EXPECT_EQ(sysctl(kPorts), ports);
  });
  if (!ran) GTEST_SKIP() << "making a network namespace needs root";
}

TEST_F(JournalTest, LeavesASysctlAloneThatHasTheValue) {
  const bool ran = in_own_namespace([&] {
    Journal journal(directory());
    journal.set_sysctl(kTtl, sysctl(kTtl));
    EXPECT_TRUE(journal.changes().empty());
    EXPECT_TRUE(empty());
  });
  if (!ran) GTEST_SKIP() << "making a network namespace needs root";
}

TEST_F(JournalTest, DoesNotPlayTheJournalOfAnotherNamespace) {
  const std::string undone = path("undone");
  Journal(directory()).run({"true"}, {"touch", undone});
  const fs::path file = fs::directory_iterator(directory())->path();
  std::ifstream old(file);
  std::string header;
  std::string entry;
  std::getline(old, header);
  std::getline(old, entry);
  std::ofstream(file) << "{\"namespace\":18446744073709551615}\n" << entry << '\n';
  Journal next(directory());
  EXPECT_FALSE(next.stale()) << "the inode came back, the namespace did not";
  next.undo_all();
  EXPECT_FALSE(fs::exists(undone));
}

TEST(Command, TakesALongInputWhileTheProgramPrintsMore) {
  const std::string input(1 << 20, 'x');
  const CommandResult result = run_command({"sh", "-c", "yes | head -c 50000; wc -c"}, input);
  EXPECT_EQ(result.status, 0);
  EXPECT_NE(result.output.find("1048576"), std::string::npos);
}

TEST(Command, SaysWhenThereIsNoSuchProgram) {
  const CommandResult result = run_command({"natd-no-such-program"});
  EXPECT_EQ(result.status, 127);
  EXPECT_NE(result.output.find("natd-no-such-program"), std::string::npos);
}

}  // namespace
}  // namespace nat
