#include "natd/system/stale_files.h"

#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <string_view>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "natd/system/descriptor.h"
#include "natd/system/namespace.h"

namespace nat {
namespace {

constexpr std::string_view kPrefix = "netns-";
constexpr std::array<std::string_view, 4> kSuffixes{".journal", ".journal.new", ".ports", ".lock"};
// The first process-id namespace of the machine, from which all processes are seen (PROC_PID_INIT_INO).
constexpr std::string_view kWholeMachine = "pid:[4026531836]";
// Looking at more takes too long.
constexpr std::size_t kMostLinks = 300'000;

struct CannotTell {};

struct CloseDirectory {
  void operator()(DIR* directory) const { closedir(directory); }
};

// Calls with each name in a directory; a directory that is gone has none. Throws CannotTell.
void for_names(const std::string& path, const std::function<void(const std::string&)>& visit) {
  const std::unique_ptr<DIR, CloseDirectory> directory(opendir(path.c_str()));
  if (!directory) {
    if (errno == ENOENT || errno == ESRCH) return;
    throw CannotTell();
  }
  while (const dirent* entry = readdir(directory.get())) {
    if (entry->d_name[0] != '.') visit(entry->d_name);
  }
}

// Where a link leads to; empty when it has gone. Throws CannotTell.
std::string target(const std::string& path) {
  std::array<char, 64> text{};
  const ssize_t length = readlink(path.c_str(), text.data(), text.size());
  if (length >= 0) return {text.data(), static_cast<std::size_t>(length)};
  if (errno == ENOENT || errno == ESRCH) return "";
  throw CannotTell();
}

// Of "net:[4026531840]" at the beginning.
std::optional<ino_t> network_of(std::string_view text) {
  constexpr std::string_view kBegin = "net:[";
  if (!text.starts_with(kBegin)) return std::nullopt;
  ino_t inode = 0;
  const auto [end, error] = std::from_chars(text.data() + kBegin.size(), text.data() + text.size(), inode);
  if (error != std::errc() || end == text.data() + text.size() || *end != ']') return std::nullopt;
  return inode;
}

class Search {
 public:
  explicit Search(std::string proc) : proc_(std::move(proc)) {}

  std::set<ino_t> run() {
    if (target(proc_ + "/self/ns/pid") != kWholeMachine || hides_processes()) throw CannotTell();
    for_names(proc_, [&](const std::string& name) {
      if (std::isdigit(static_cast<unsigned char>(name[0])) != 0) look_at(proc_ + "/" + name);
    });
    return std::move(found_);
  }

 private:
  bool hides_processes() const {
    std::ifstream mounts(proc_ + "/self/mountinfo");
    for (std::string line; std::getline(mounts, line);) {
      if (line.find(" - proc ") == std::string::npos || line.find(" /proc ") == std::string::npos) continue;
      if (line.find("hidepid=") != std::string::npos) return true;
    }
    return false;
  }

  void look_at(const std::string& process) {
    for_names(process + "/task",
              [&](const std::string& task) { add(process + "/task/" + task + "/ns/net"); });
    for_names(process + "/fd", [&](const std::string& fd) { add(process + "/fd/" + fd); });
    if (mounts_.insert(target(process + "/ns/mnt")).second) add_mounts(process + "/mountinfo");
  }

  void add(const std::string& link) {
    if (++links_ > kMostLinks) throw CannotTell();
    if (const auto inode = network_of(target(link))) found_.insert(*inode);
  }

  // The fourth word of a line says what of a file system is mounted.
  void add_mounts(const std::string& path) {
    std::ifstream mounts(path);
    for (std::string line; std::getline(mounts, line);) {
      const std::size_t at = line.find(" net:[");
      if (at == std::string::npos) continue;
      if (const auto inode = network_of(std::string_view(line).substr(at + 1))) found_.insert(*inode);
    }
  }

  std::string proc_;
  std::set<ino_t> found_;
  std::set<std::string> mounts_;
  std::size_t links_ = 0;
};

// The namespace that a file of natd's is about.
std::optional<ino_t> owner_of(std::string_view name) {
  if (!name.starts_with(kPrefix)) return std::nullopt;
  name.remove_prefix(kPrefix.size());
  ino_t inode = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), inode);
  if (error != std::errc()) return std::nullopt;
  name.remove_prefix(static_cast<std::size_t>(end - name.data()));
  for (const std::string_view suffix : kSuffixes) {
    if (name == suffix) return inode;
  }
  return std::nullopt;
}

// By namespace, without the own one.
std::map<ino_t, std::vector<std::string>> files_of_others(const std::string& directory) {
  const std::string own = std::filesystem::path(namespace_file(directory, ".lock")).filename();
  std::map<ino_t, std::vector<std::string>> files;
  std::size_t number = 0;
  for_names(directory, [&](const std::string& name) {
    const auto inode = owner_of(name);
    if (inode && inode != owner_of(own) && ++number <= kMostFiles) files[*inode].push_back(name);
  });
  return files;
}

// Whether the head of a journal, or of a file of ports, names another boot than this.
bool of_another_boot(const std::string& path) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  std::string head(128, '\0');
  const ssize_t length = read(file.get(), head.data(), head.size());
  const std::string boot = boot_id();
  if (length <= 0 || boot.empty()) return false;
  head.resize(static_cast<std::size_t>(length));
  const bool names_one = head.starts_with("natdprt") || head.starts_with("{\"boot\":");
  return names_one && head.find(boot) == std::string::npos;
}

bool is_old(const std::string& path) {
  struct stat status {};
  if (lstat(path.c_str(), &status) != 0) return false;
  const auto touched = std::chrono::system_clock::from_time_t(status.st_mtime);
  return touched + kOldAge < std::chrono::system_clock::now();
}

std::size_t remove_files(const std::string& directory, ino_t inode, const std::vector<std::string>& names,
                         bool gone) {
  const std::string lock = directory + "/" + std::string(kPrefix) + std::to_string(inode) + ".lock";
  const Descriptor file(open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (file.get() < 0 || flock(file.get(), LOCK_EX | LOCK_NB) != 0) return 0;
  std::size_t removed = 0;
  for (const std::string& name : names) {
    const std::string path = directory + "/" + name;
    if (path == lock || !(gone || is_old(path) || of_another_boot(path))) continue;
    if (unlink(path.c_str()) == 0) ++removed;
  }
  unlink(lock.c_str());
  return removed;
}

}  // namespace

std::optional<std::set<ino_t>> living_namespaces(const std::string& proc) {
  try {
    return Search(proc).run();
  } catch (const CannotTell&) {
    return std::nullopt;
  }
}

std::size_t remove_stale_files(const std::string& directory, const std::optional<std::set<ino_t>>& living) {
  std::size_t removed = 0;
  try {
    for (const auto& [inode, names] : files_of_others(directory)) {
      if (living && living->contains(inode)) continue;
      removed += remove_files(directory, inode, names, living.has_value());
    }
  } catch (const CannotTell&) {
    return removed;
  }
  return removed;
}

std::size_t remove_stale_files(const std::string& directory) {
  try {
    if (files_of_others(directory).empty()) return 0;
  } catch (const CannotTell&) {
    return 0;
  }
  return remove_stale_files(directory, living_namespaces());
}

}  // namespace nat
