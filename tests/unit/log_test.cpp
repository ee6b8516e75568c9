#include "natd/observe/log.h"

#include <cstdio>
#include <memory>

#include <gtest/gtest.h>
#include <sys/stat.h>

namespace nat {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{1h};

// A file that a log writes to and a test reads back.
class Sink {
 public:
  Sink() : file_(std::tmpfile(), &std::fclose) {}
  int fd() const { return fileno(file_.get()); }
  std::string text() const {
    std::string all;
    std::rewind(file_.get());
    for (int c = 0; (c = std::fgetc(file_.get())) != EOF;) all += static_cast<char>(c);
    return all;
  }

 private:
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
};

TEST(Log, IsPlainForPeople) {
  const Sink sink;
  Log log(sink.fd(), false);
  log.write(Level::info, "one", kStart);
  log.write(Level::warning, "two", kStart);
  log.write(Level::error, "three", kStart);
  EXPECT_EQ(sink.text(), "natd: one\nnatd: warning: two\nnatd: error: three\n");
}

TEST(Log, CarriesPrioritiesForTheJournal) {
  const Sink sink;
  Log log(sink.fd(), true);
  log.write(Level::info, "one", kStart);
  log.write(Level::error, "first\nsecond", kStart);
  EXPECT_EQ(sink.text(), "<6>one\n<3>first\n<3>second\n");
}

TEST(Log, LetsNoControlCharacterThrough) {
  const Sink sink;
  Log log(sink.fd(), false);
  log.write(Level::info, "a\x1b[2Jb\rc", kStart);
  EXPECT_EQ(sink.text(), "natd: a?[2Jb?c\n");
}

TEST(Log, KnowsTheJournalByDeviceAndInode) {
  const Sink sink;
  struct stat status {};
  ASSERT_EQ(fstat(sink.fd(), &status), 0);
  const std::string right = std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
  EXPECT_TRUE(Log::journal(sink.fd(), right.c_str()));
  EXPECT_FALSE(Log::journal(sink.fd(), "8:1"));
  EXPECT_FALSE(Log::journal(sink.fd(), nullptr));
}

TEST(Log, CountsWhatIsBeyondItsBudgetAndSaysSoLater) {
  const Sink sink;
  Log log(sink.fd(), false);
  for (int i = 0; i < 210; ++i) log.write(Level::info, "flood", kStart);
  log.write(Level::error, "still heard", kStart);
  log.write(Level::info, "calm", kStart + 10s);
  const std::string text = sink.text();
  EXPECT_EQ(text.substr(200 * std::string("natd: flood\n").size()),
            "natd: error: still heard\n"
            "natd: warning: 10 log lines were left out: too many in a short time\n"
            "natd: calm\n");
}

TEST(LineBudget, FillsUpWithTimeButNotBeyondItsBurst) {
  LineBudget budget(2, 1);
  EXPECT_TRUE(budget.take(kStart));
  EXPECT_TRUE(budget.take(kStart));
  EXPECT_FALSE(budget.take(kStart + 999ms));
  EXPECT_TRUE(budget.take(kStart + 1s));
  EXPECT_FALSE(budget.take(kStart + 1s));
  EXPECT_EQ(budget.refused(), 2u);
  EXPECT_EQ(budget.refused(), 0u);
  EXPECT_TRUE(budget.take(kStart + 1h));
  EXPECT_TRUE(budget.take(kStart + 1h));
  EXPECT_FALSE(budget.take(kStart + 1h));
}

}  // namespace
}  // namespace nat
