#include "tests/natcheck/host.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <thread>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace nat::check {
namespace {

struct Pipe {
  Pipe() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) throw SetupError("cannot make a pipe");
    read = Descriptor(ends[0]);
    write = Descriptor(ends[1]);
  }
  Descriptor read, write;
};

constexpr milliseconds kFarewell{2000};  // for a host to end by itself

bool ended(pid_t pid) { return waitpid(pid, nullptr, WNOHANG) != 0; }

}  // namespace

Host::Host(std::string name, const std::vector<std::string>& command) : name_(std::move(name)) {
  Pipe questions, answers;
  std::vector<char*> argv;
  argv.reserve(command.size() + 1);
  for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, questions.read.get(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, answers.write.get(), STDOUT_FILENO);
  const int error = posix_spawnp(&pid_, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw SetupError(name_ + ": cannot start '" + command[0] + "': " + std::strerror(error));
  to_ = std::move(questions.write);
  from_.emplace(std::move(answers.read));
}

Host::~Host() {
  to_ = Descriptor();
  const TimePoint end = Clock::now() + kFarewell;
  while (!ended(pid_)) {
    if (Clock::now() >= end) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
      return;
    }
    serve_once({&*from_}, std::min(end, Clock::now() + milliseconds(10)));
    while (from_->take()) continue;
  }
}

void Host::send(const std::string& line) {
  const std::string whole = line + "\n";
  if (write(to_.get(), whole.data(), whole.size()) != static_cast<ssize_t>(whole.size())) {
    throw SetupError(name_ + ": has ended");
  }
}

nlohmann::json Host::receive(milliseconds patience) {
  std::optional<std::string> line;
  exchange(
      {&*from_}, {0, patience, patience}, [] {},
      [&] {
        line = from_->take();
        return line || from_->over();
      });
  if (!line) throw SetupError(name_ + (from_->over() ? ": has ended" : ": does not answer"));
  auto answer = nlohmann::json::parse(*line, nullptr, false);
  if (!answer.is_object() || !answer.contains("ok")) throw SetupError(name_ + ": said '" + *line + "'");
  if (answer["ok"] != true) throw SetupError(name_ + ": " + answer.value("error", "refused"));
  return answer;
}

}  // namespace nat::check
