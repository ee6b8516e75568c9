#include "natd/system/instance.h"

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <stdexcept>

#include <gtest/gtest.h>
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

}  // namespace
}  // namespace nat
