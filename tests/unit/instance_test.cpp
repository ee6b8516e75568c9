#include "natd/system/instance.h"

#include <array>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/wait.h>
#include <unistd.h>

namespace nat {
namespace {

class InstanceTest : public testing::Test {
 protected:
  InstanceTest() {
    std::string pattern = testing::TempDir() + "natd-instance-XXXXXX";
    EXPECT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  ~InstanceTest() override { std::filesystem::remove_all(directory_); }

  std::string directory_;
};

TEST_F(InstanceTest, ASecondOneIsRefusedAndToldWhoHoldsTheNamespace) {
  const Instance first(directory_);
  try {
    const Instance second(directory_);
    FAIL() << "two instances in one namespace";
  } catch (const std::runtime_error& refused) {
    EXPECT_NE(std::string(refused.what()).find(std::to_string(getpid())), std::string::npos)
        << refused.what();
  }
}

TEST_F(InstanceTest, TheLockEndsWithItsHolderAndLeavesNoFile) {
  std::optional<Instance> first(directory_);
  first.reset();
  EXPECT_TRUE(std::filesystem::is_empty(directory_));
  EXPECT_NO_THROW(Instance second(directory_));
}

TEST_F(InstanceTest, ADirectoryThatCannotBeWrittenIsAnErrorWithItsName) {
  try {
    const Instance instance("/proc/none");
    FAIL() << "a lock in /proc";
  } catch (const std::runtime_error& refused) {
    EXPECT_NE(std::string(refused.what()).find("/proc/none"), std::string::npos) << refused.what();
  }
}

// What a killed natd had called still holds its lock; the next natd waits for it.
TEST_F(InstanceTest, WaitsForWhatAKilledOneHadCalled) {
  constexpr int kPatience = 10'000;
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe2(ends.data(), 0), 0);
  const pid_t killed = fork();
  ASSERT_GE(killed, 0);
  if (killed == 0) {
    const Instance instance(directory_);
    if (fork() == 0) {  // ends when the test closes the pipe
      close(ends[1]);
      char nothing = 0;
      _exit(read(ends[0], &nothing, 1) == 0 ? 0 : 1);
    }
    raise(SIGKILL);
  }
  ASSERT_EQ(waitpid(killed, nullptr, 0), killed);
  pollfd opened{inotify_init1(IN_CLOEXEC), POLLIN, 0};
  const auto lock = std::filesystem::directory_iterator(directory_)->path();
  ASSERT_GE(inotify_add_watch(opened.fd, lock.c_str(), IN_OPEN), 0);
  std::thread ending([&] {
    for (int tries = 0; tries < 2 && poll(&opened, 1, kPatience) == 1; ++tries) {
      std::array<char, sizeof(inotify_event) + NAME_MAX + 1> event{};
      EXPECT_GT(read(opened.fd, event.data(), event.size()), 0);
    }
    close(ends[1]);
  });
  EXPECT_NO_THROW(Instance next(directory_));
  ending.join();
  close(ends[0]);
  close(opened.fd);
}

}  // namespace
}  // namespace nat
