#include "natd/system/journal.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <stdexcept>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "natd/system/event_loop.h"
#include "natd/system/namespace.h"

namespace nat {
namespace {

using Json = nlohmann::json;

constexpr const char* kSysctlRoot = "/proc/sys/";

std::vector<std::string> read_lines(const std::string& path) {
  std::vector<std::string> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

// The words of a sysctl with one blank between them: the kernel prints tabs where operators write blanks.
std::string words(const std::string& text) {
  std::istringstream stream(text);
  std::string result;
  for (std::string word; stream >> word;) result += (result.empty() ? "" : " ") + word;
  return result;
}

std::optional<std::string> read_sysctl(const std::string& key) {
  std::ifstream file(kSysctlRoot + key);
  std::string text;
  if (!std::getline(file, text)) return std::nullopt;
  return words(text);
}

// Returns the error number, 0 for none. One write call, which is what the kernel wants.
int write_sysctl(const std::string& key, const std::string& value) {
  const Descriptor file(open((kSysctlRoot + key).c_str(), O_WRONLY | O_CLOEXEC));
  if (file.get() < 0) return errno;
  return write(file.get(), value.data(), value.size()) < 0 ? errno : 0;
}

std::string joined(const std::vector<std::string>& arguments) {
  std::string line;
  for (const std::string& argument : arguments) line += (line.empty() ? "" : " ") + argument;
  return line;
}

// What undo() of the entry does, as text.
std::string describe(const Json& entry) {
  if (entry.contains("sysctl")) {
    return "set " + entry.at("sysctl").get<std::string>() + " back to " + entry.at("was").get<std::string>();
  }
  return "run `" + joined(entry.at("undo").get<std::vector<std::string>>()) + "`";
}

// Returns a sentence when the entry could not be taken back.
std::optional<std::string> undo(const Json& entry) {
  if (entry.contains("sysctl")) {
    const std::string key = entry.at("sysctl");
    const std::string value = entry.at("was");
    const int error = write_sysctl(key, value);
    // A setting of an interface that is gone went with it.
    if (error == 0 || error == ENOENT) return std::nullopt;
    return "cannot set " + key + " back to " + value + ": " + std::strerror(error);
  }
  if (entry.contains("undo")) {
    const auto command = entry.at("undo").get<std::vector<std::string>>();
    const CommandResult result = run_command(command);
    if (result.status == 0) return std::nullopt;
    return "cannot undo with `" + joined(command) + "`: " + words(result.output);
  }
  return std::nullopt;
}

}  // namespace

Journal::Journal(std::string directory)
    : path_(namespace_file(directory, ".journal")),
      namespace_line_(Json{{"namespace", namespace_cookie()}}.dump()) {
  std::error_code ignored;
  std::filesystem::create_directories(directory, ignored);
  const std::vector<std::string> lines = read_lines(path_);
  if (!lines.empty() && lines.front() != namespace_line_) unlink(path_.c_str());
}

bool Journal::stale() const { return changes_.empty() && read_lines(path_).size() > 1; }

std::vector<std::string> Journal::pending() const {
  std::vector<std::string> sentences;
  for (const std::string& line : read_lines(path_)) {
    const Json entry = Json::parse(line, nullptr, false);
    if (!entry.is_object() || !(entry.contains("sysctl") || entry.contains("undo"))) continue;
    sentences.push_back(describe(entry));
  }
  std::reverse(sentences.begin(), sentences.end());
  return sentences;
}

void Journal::append(const std::string& line) {
  const Descriptor file(open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
  struct stat status {};
  if (file.get() >= 0 && fstat(file.get(), &status) == 0) {
    const std::string text = (status.st_size == 0 ? namespace_line_ + "\n" : "") + line + "\n";
    if (write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size())) return;
  }
  throw std::runtime_error("cannot write " + path_ + ": " + std::strerror(errno) +
                           "; natd changes nothing that it cannot take back");
}

void Journal::set_sysctl(const std::string& key, const std::string& value) {
  const std::optional<std::string> was = read_sysctl(key);
  if (!was) throw std::runtime_error("cannot read " + (kSysctlRoot + key) + ": " + std::strerror(errno));
  if (*was == words(value)) return;
  append(Json{{"sysctl", key}, {"was", *was}}.dump());
  if (const int error = write_sysctl(key, value); error != 0) {
    throw std::runtime_error("cannot write " + value + " to " + kSysctlRoot + key + ": " +
                             std::strerror(error));
  }
  changes_.push_back("set " + key + " to " + value + " (was " + *was + ")");
}

void Journal::run(const std::vector<std::string>& apply, const std::vector<std::string>& undo,
                  const std::string& input) {
  append(Json{{"undo", undo}}.dump());
  const CommandResult result = run_command(apply, input);
  if (result.status != 0) {
    throw std::runtime_error("`" + joined(apply) + "` failed: " + words(result.output) +
                             (result.status == 127 ? "; install it (Debian: nftables, iproute2)" : ""));
  }
  changes_.push_back("ran `" + joined(apply) + "`, to be undone by `" + joined(undo) + "`");
}

std::vector<std::string> Journal::undo_all() noexcept {
  std::vector<std::string> problems;
  std::vector<std::string> lines = read_lines(path_);
  std::reverse(lines.begin(), lines.end());
  for (const std::string& line : lines) {
    try {
      if (auto problem = undo(Json::parse(line))) problems.push_back(std::move(*problem));
    } catch (const std::exception& error) {
      problems.push_back("cannot undo the entry " + line + " of " + path_ + ": " + error.what());
    }
  }
  unlink(path_.c_str());
  changes_.clear();
  return problems;
}

}  // namespace nat
