#include "natd/system/instance.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <stdexcept>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace nat {
namespace {

std::string lock_path(const std::string& directory) {
  struct stat status {};
  if (stat("/proc/self/ns/net", &status) != 0) {
    throw std::runtime_error(std::string("cannot tell the network namespace from /proc/self/ns/net: ") +
                             std::strerror(errno) + "; is /proc mounted?");
  }
  return directory + "/netns-" + std::to_string(status.st_ino) + ".lock";
}

// The process id that the holder wrote, for the message.
std::string holder(int fd) {
  char text[24] = "";
  const ssize_t length = pread(fd, text, sizeof text - 1, 0);
  std::string name(text, length > 0 ? static_cast<std::size_t>(length) : 0);
  while (!name.empty() && name.back() == '\n') name.pop_back();
  return name.empty() ? "" : " (process " + name + ")";
}

}  // namespace

Instance::Instance(const std::string& directory) : path_(lock_path(directory)) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  for (;;) {
    file_ = Descriptor(open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
    if (file_.get() < 0) {
      throw std::runtime_error("cannot write " + path_ + ": " + std::strerror(errno) + "; run natd as root");
    }
    if (flock(file_.get(), LOCK_EX | LOCK_NB) != 0) {
      throw std::runtime_error("another natd" + holder(file_.get()) +
                               " serves this network namespace; stop it first, or steer it with natctl");
    }
    // Whoever held it before may have removed the file just after we opened it.
    struct stat opened {
    }, there{};
    if (fstat(file_.get(), &opened) == 0 && stat(path_.c_str(), &there) == 0 && opened.st_ino == there.st_ino)
      break;
  }
  const std::string self = std::to_string(getpid()) + "\n";
  if (ftruncate(file_.get(), 0) != 0 || pwrite(file_.get(), self.data(), self.size(), 0) < 0) {
    throw std::runtime_error("cannot write " + path_ + ": " + std::strerror(errno));
  }
}

Instance::~Instance() { unlink(path_.c_str()); }

}  // namespace nat
