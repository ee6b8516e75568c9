#include "natd/system/state_directory.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <stdexcept>

#include <fcntl.h>
#include <unistd.h>

#include "natd/system/descriptor.h"

namespace nat {
namespace {

constexpr mode_t kMode = 0755;
constexpr mode_t kWrittenByOthers = S_IWGRP | S_IWOTH;

std::string why_not_ours(const struct stat& status) {
  if (status.st_uid != 0 && status.st_uid != geteuid()) {
    return "belongs to user " + std::to_string(status.st_uid) + ", not to root";
  }
  if ((status.st_mode & kWrittenByOthers) == 0) return "";
  char text[8];
  std::snprintf(text, sizeof text, "%04o", static_cast<unsigned>(status.st_mode & 07777));
  return std::string("can be written by others (mode ") + text + ")";
}

}  // namespace

void make_state_directory(const std::string& path) {
  std::error_code ignored;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
  const bool made = mkdir(path.c_str(), kMode) == 0;
  const int error = errno;
  const Descriptor directory(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat status {};
  if (directory.get() < 0 || (made && fchmod(directory.get(), kMode) != 0) ||
      fstat(directory.get(), &status) != 0) {
    throw std::runtime_error("cannot make the directory " + path + ": " +
                             std::strerror(directory.get() < 0 && !made && error != EEXIST ? error : errno) +
                             "; natd writes down there what it changes, so that it can be taken back");
  }
  const std::string reason = why_not_ours(status);
  if (reason.empty()) return;
  throw std::runtime_error(
      "the directory " + path + " " + reason +
      ", and natd takes back as root what stands there; look at what it holds, then remove "
      "it: natd makes it anew");
}

std::string why_not_believed(const struct stat& status) {
  if (!S_ISREG(status.st_mode)) return "is no plain file";
  if (status.st_nlink > 1) return "has a second name (a hard link)";
  return why_not_ours(status);
}

}  // namespace nat
