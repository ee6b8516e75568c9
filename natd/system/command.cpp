#include "natd/system/command.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <system_error>

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "natd/system/event_loop.h"

namespace nat {
namespace {

constexpr std::size_t kMostOutput = 64 << 10;

std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  for (const char* directory : {"/usr/sbin/", "/sbin/", "/usr/bin/", "/bin/", "/usr/local/sbin/"}) {
    const std::string path = directory + name;
    if (access(path.c_str(), X_OK) == 0) return path;
  }
  return name;
}

Descriptor checked(int fd, const char* what) {
  if (fd < 0) throw std::system_error(errno, std::generic_category(), what);
  return Descriptor(fd);
}

// The whole input before the program starts, so that neither side can wait for the other.
Descriptor input_file(const std::string& input) {
  Descriptor file = checked(memfd_create("natd-input", MFD_CLOEXEC), "memfd_create");
  std::size_t written = 0;
  while (written < input.size()) {
    const ssize_t count = write(file.get(), input.data() + written, input.size() - written);
    if (count < 0) throw std::system_error(errno, std::generic_category(), "write to memfd");
    written += static_cast<std::size_t>(count);
  }
  lseek(file.get(), 0, SEEK_SET);
  return file;
}

// posix_spawn's two option objects, set up: descriptors 0 to 2, and a clean set of signals (the daemon blocks
// its own).
struct SpawnOptions {
  SpawnOptions(int input, int output) {
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input, 0);
    posix_spawn_file_actions_adddup2(&actions, output, 1);
    posix_spawn_file_actions_adddup2(&actions, output, 2);
    posix_spawnattr_init(&attributes);
    sigset_t none;
    sigemptyset(&none);
    sigset_t all;
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  ~SpawnOptions() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
  SpawnOptions(const SpawnOptions&) = delete;
  SpawnOptions& operator=(const SpawnOptions&) = delete;

  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
};

std::string read_all(int fd) {
  std::string output;
  std::array<char, 4096> buffer;
  for (;;) {
    const ssize_t count = read(fd, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return output;
    if (output.size() < kMostOutput) output.append(buffer.data(), static_cast<std::size_t>(count));
  }
}

int wait_for(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return 127;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

CommandResult run_command(const std::vector<std::string>& arguments, const std::string& input) {
  const std::string program = find_program(arguments.at(0));
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  std::string path = "PATH=/usr/sbin:/sbin:/usr/bin:/bin";
  std::string locale = "LC_ALL=C";
  const std::array<char*, 3> environment = {path.data(), locale.data(), nullptr};

  const Descriptor from = input_file(input);
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe2");
  const Descriptor reader(ends[0]);
  Descriptor writer(ends[1]);

  const SpawnOptions options(from.get(), writer.get());
  pid_t child = 0;
  const int error = posix_spawn(&child, program.c_str(), &options.actions, &options.attributes, argv.data(),
                                environment.data());
  if (error != 0) return {127, arguments[0] + ": " + std::strerror(error)};
  writer = Descriptor();
  CommandResult result;
  result.output = read_all(reader.get());
  result.status = wait_for(child);
  return result;
}

}  // namespace nat
