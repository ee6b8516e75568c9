// No user but root may write where natd keeps what it will do as root.
#include "natd/system/state_directory.h"

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace nat {
namespace {

namespace fs = std::filesystem;

class StateDirectoryTest : public ::testing::Test {
 protected:
  StateDirectoryTest() {
    std::string pattern = fs::temp_directory_path() / "natd-state-XXXXXX";
    around_ = mkdtemp(pattern.data());
    path_ = around_ / "natd";
  }
  ~StateDirectoryTest() override { fs::remove_all(around_); }

  void expect_refused(const std::string& told) const {
    try {
      make_state_directory(path_);
      FAIL() << "must throw: " << told;
    } catch (const std::runtime_error& error) {
      EXPECT_NE(std::string(error.what()).find(told), std::string::npos) << error.what();
      EXPECT_NE(std::string(error.what()).find(path_), std::string::npos) << error.what();
    }
  }

  fs::path around_;
  fs::path path_;
};

TEST_F(StateDirectoryTest, HasMode0755WhateverTheUmask) {
  for (const mode_t mask : {0000U, 0022U, 0077U, 0777U}) {
    const mode_t before = umask(mask);
    make_state_directory(path_);
    umask(before);
    struct stat status {};
    ASSERT_EQ(stat(path_.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0755U) << mask;
    EXPECT_NO_THROW(make_state_directory(path_)) << "one that is there is used";
    fs::remove(path_);
  }
}

TEST_F(StateDirectoryTest, OneThatOthersCanWriteToIsRefused) {
  for (const mode_t mode : {0777U, 0775U, 0757U, 01777U}) {
    fs::create_directory(path_);
    ASSERT_EQ(chmod(path_.c_str(), mode), 0);
    expect_refused("can be written by others");
    fs::remove(path_);
  }
}

TEST_F(StateDirectoryTest, OneOfSomebodyElseIsRefused) {
  if (geteuid() != 0) GTEST_SKIP() << "giving a directory away needs root";
  fs::create_directory(path_);
  ASSERT_EQ(chown(path_.c_str(), 12345, 0), 0);
  expect_refused("user 12345");
}

TEST_F(StateDirectoryTest, ALinkIsRefused) {
  fs::create_directory(around_ / "elsewhere");
  fs::create_symlink(around_ / "elsewhere", path_);
  expect_refused("cannot make the directory");
}

}  // namespace
}  // namespace nat
