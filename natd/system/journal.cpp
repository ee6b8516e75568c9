#include "natd/system/journal.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <utility>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include "natd/system/descriptor.h"
#include "natd/system/namespace.h"
#include "natd/system/sysctl.h"

namespace nat {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kLargestFile = 1 << 20;
constexpr std::size_t kLongestLine = 1024;

std::string cut(const std::string& line) {
  return line.size() <= kLongestLine ? line : line.substr(0, kLongestLine);
}

[[noreturn]] void refuse(const std::string& path, const std::string& reason) {
  throw std::runtime_error(path + " " + reason +
                           ": natd undoes nothing of it; look at what it says, put that right by hand, and "
                           "remove the file");
}

// The whole file; nothing when there is none.
std::optional<std::string> read_believed(const std::string& path) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (file.get() < 0 && errno == ENOENT) return std::nullopt;
  if (file.get() < 0 && errno == ELOOP) refuse(path, "is a symbolic link");
  struct stat status {};
  if (file.get() < 0 || fstat(file.get(), &status) != 0) {
    refuse(path, std::string("cannot be read (") + std::strerror(errno) + ")");
  }
  if (const std::string reason = why_not_believed(status); !reason.empty()) refuse(path, reason);
  std::string text(kLargestFile + 1, '\0');
  std::size_t length = 0;
  while (length < text.size()) {
    const ssize_t count = read(file.get(), text.data() + length, text.size() - length);
    if (count < 0) refuse(path, std::string("cannot be read (") + std::strerror(errno) + ")");
    if (count == 0) break;
    length += static_cast<std::size_t>(count);
  }
  if (length > kLargestFile) refuse(path, "is too large for a journal");
  text.resize(length);
  return text;
}

bool write_whole(int fd, const std::string& text) {
  std::size_t written = 0;
  while (written < text.size()) {
    const ssize_t count = write(fd, text.data() + written, text.size() - written);
    if (count < 0) return false;
    written += static_cast<std::size_t>(count);
  }
  return true;
}

}  // namespace

Journal::Journal(std::string directory)
    : directory_(std::move(directory)),
      path_(namespace_file(directory_, ".journal")),
      head_(Json{{"boot", boot_id()}, {"namespace", namespace_cookie()}}.dump()) {
  make_state_directory(directory_);
  unlink((path_ + ".new").c_str());  // of a natd that was killed while it wrote
  load();
}

void Journal::load() {
  const std::optional<std::string> text = read_believed(path_);
  if (!text) return;
  const std::string first = text->substr(0, text->find('\n'));
  const Json head = Json::parse(first, nullptr, false);
  if (!head.is_object() || !head.contains("namespace")) {
    refuse(path_, "does not say which network namespace it is about");
  }
  // natd 0.1 wrote no boot.
  const bool same_boot = !head.contains("boot") || head["boot"] == boot_id();
  if (!same_boot || head["namespace"] != namespace_cookie()) {
    unlink(path_.c_str());
    return;
  }
  read_lines(text->substr(std::min(first.size() + 1, text->size())));
  stale_ = !entries_.empty();
}

void Journal::read_lines(const std::string& text) {
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    if (line.empty()) continue;
    if (entries_.size() == kMostEntries) refuse(path_, "has more entries than natd writes");
    std::optional<Undo> undo = line.size() <= kLongestLine ? parse_undo(line) : std::nullopt;
    entries_.push_back({std::move(undo), cut(line)});
  }
}

void Journal::add_leftovers(const std::vector<Undo>& found) {
  for (const Undo& undo : found) {
    const auto same = [&](const Entry& entry) { return entry.undo && same_target(*entry.undo, undo); };
    if (std::any_of(entries_.begin(), entries_.end(), same) || entries_.size() == kMostEntries) continue;
    entries_.push_back({undo, to_line(undo)});
    stale_ = true;
  }
}

std::string Journal::sentence(const Entry& entry) const {
  return entry.undo ? describe(*entry.undo) : "do nothing about a line that is no entry: " + entry.line;
}

std::vector<std::string> Journal::pending() const {
  std::vector<std::string> sentences;
  for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry)
    sentences.push_back(sentence(*entry));
  return sentences;
}

bool Journal::holds_only(const Undo& undo) const {
  return entries_.size() == 1 && entries_[0].undo && same_target(*entries_[0].undo, undo);
}

// A file is never seen half written: it is made beside the old one, and takes its place.
void Journal::save() const {
  if (entries_.empty()) {
    unlink(path_.c_str());
    return;
  }
  make_state_directory(directory_);
  std::string text = head_ + "\n";
  for (const Entry& entry : entries_) text += entry.line + "\n";
  const std::string fresh = path_ + ".new";
  unlink(fresh.c_str());
  const Descriptor file(open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (file.get() >= 0 && write_whole(file.get(), text) && rename(fresh.c_str(), path_.c_str()) == 0) return;
  const int error = errno;
  unlink(fresh.c_str());
  throw std::runtime_error("cannot write " + path_ + ": " + std::strerror(error) +
                           "; natd changes nothing that it cannot take back");
}

// Whether it is about something new.
bool Journal::put(const Undo& undo) {
  const auto same = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return entry.undo && same_target(*entry.undo, undo);
  });
  if (same == entries_.end()) {
    if (entries_.size() == kMostEntries) {
      throw std::runtime_error(
          path_ + " has " + std::to_string(kMostEntries) +
          " entries, and no room for more; natd changes nothing that it cannot take back");
    }
    entries_.push_back({undo, to_line(undo)});
    return true;
  }
  Undo merged = undo;
  if (auto* rule = std::get_if<RestoreLocalRule>(&merged)) {
    // Once natd's copy is in its place, the kernel's rule is not seen any more.
    rule->was_there = rule->was_there || std::get<RestoreLocalRule>(*same->undo).was_there;
  }
  *same = {merged, to_line(merged)};
  return false;
}

void Journal::note(const Undo& undo) {
  if (const auto problem = complaint(undo)) throw std::runtime_error(*problem);
  std::vector<Entry> before = entries_;
  try {
    if (put(undo)) changes_.push_back(describe(undo));
    save();
  } catch (const std::exception& error) {
    entries_ = std::move(before);
    throw std::runtime_error(error.what());
  }
}

void Journal::forget(const Undo& undo) noexcept {
  std::erase_if(entries_, [&](const Entry& entry) { return entry.undo && same_target(*entry.undo, undo); });
  try {
    save();
  } catch (const std::exception&) {
    return;
  }
}

void Journal::set_sysctl(const std::string& key, const std::string& value) {
  const std::optional<std::string> was = read_sysctl(key);
  if (!was) throw std::runtime_error("cannot read /proc/sys/" + key + ": " + std::strerror(errno));
  if (*was == words_of(value)) return;
  note(RestoreSysctl{key, *was});
  if (const int error = write_sysctl(key, value); error != 0) {
    throw std::runtime_error("cannot write " + value + " to /proc/sys/" + key + ": " + std::strerror(error));
  }
}

std::optional<std::string> Journal::problem_of(const Entry& entry) const {
  if (!entry.undo) return path_ + " has a line that natd does not know: " + entry.line;
  try {
    return carry_out(*entry.undo);
  } catch (const std::exception& error) {
    return "cannot " + describe(*entry.undo) + ": " + error.what();
  }
}

std::vector<std::string> Journal::undo_all(const std::optional<Undo>& kept) noexcept {
  std::vector<std::string> problems;
  std::vector<Entry> left;
  for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
    const bool keep = kept && entry->undo && same_target(*entry->undo, *kept);
    auto problem = keep ? std::nullopt : problem_of(*entry);
    if (!keep && !problem) continue;
    if (problem) problems.push_back(std::move(*problem));
    left.push_back(*entry);
  }
  std::reverse(left.begin(), left.end());
  entries_ = std::move(left);
  stale_ = false;
  changes_.clear();
  try {
    save();
  } catch (const std::exception& error) {
    problems.emplace_back(error.what());
  }
  return problems;
}

std::vector<std::string> Journal::take_changes() { return std::exchange(changes_, {}); }

std::string Journal::advice() const {
  return "what could not be taken back stays written down in " + path_ +
         "; put right what is in the way, then run `natd --cleanup`";
}

}  // namespace nat
