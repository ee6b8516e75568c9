#include "natd/system/instance.h"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <thread>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "natd/system/namespace.h"

namespace nat {
namespace {

// How long a program takes at most that a killed natd had called.
constexpr auto kPatience = std::chrono::seconds(5);
constexpr auto kBetweenTries = std::chrono::milliseconds(10);

// The process id that the holder wrote; 0 when it has not written it yet.
pid_t holder(int fd) {
  char text[24] = "";
  const ssize_t length = pread(fd, text, sizeof text - 1, 0);
  return length > 0 ? static_cast<pid_t>(std::strtol(text, nullptr, 10)) : 0;
}

bool is_gone(pid_t process) { return process > 0 && kill(process, 0) != 0 && errno == ESRCH; }

}  // namespace

Instance::Instance(const std::string& directory) : path_(namespace_file(directory, ".lock")) {
  make_state_directory(directory);
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (!lock()) {
    const pid_t other = holder(file_.get());
    if (!is_gone(other) || std::chrono::steady_clock::now() > until) {
      throw std::runtime_error("another natd" +
                               (other > 0 ? " (process " + std::to_string(other) + ")" : "") +
                               " serves this network namespace; stop it first, or steer it with natctl");
    }
    std::this_thread::sleep_for(kBetweenTries);
  }
  const std::string self = std::to_string(getpid()) + "\n";
  if (ftruncate(file_.get(), 0) != 0 || pwrite(file_.get(), self.data(), self.size(), 0) < 0) {
    throw std::runtime_error("cannot write " + path_ + ": " + std::strerror(errno));
  }
}

// False while others hold it. No O_CLOEXEC: see the header.
bool Instance::lock() {
  for (;;) {
    file_ = Descriptor(open(path_.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW, 0644));
    if (file_.get() < 0) {
      throw std::runtime_error("cannot write " + path_ + ": " + std::strerror(errno) + "; run natd as root");
    }
    if (flock(file_.get(), LOCK_EX | LOCK_NB) != 0) return false;
    // Whoever held it before may have removed the file just after we opened it.
    struct stat opened {
    }, there{};
    if (fstat(file_.get(), &opened) == 0 && stat(path_.c_str(), &there) == 0 && opened.st_ino == there.st_ino)
      return true;
  }
}

Instance::~Instance() { unlink(path_.c_str()); }

}  // namespace nat
