// Files in /run/natd of network namespaces that are gone, or that another boot of the machine has left.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <set>
#include <string>

#include <sys/types.h>

namespace nat {

// Inodes of the network namespaces that a process is in, holds open or sees mounted. None when that cannot be
// told: where processes are hidden from this one, or may not be looked at.
std::optional<std::set<ino_t>> living_namespaces(const std::string& proc = "/proc");

// Removes natd's files (netns-INODE.journal, .journal.new, .ports, .lock) of namespaces that are not among
// `living`, unless a natd holds the lock. Nothing else is touched. Without `living`, only what
// another boot has left, or no natd has touched for kOldAge; the own namespace's files stay in any case.
// Returns how many were removed. Looks at kMostFiles at once, and leaves the rest to the next start.
std::size_t remove_stale_files(const std::string& directory, const std::optional<std::set<ino_t>>& living);
inline constexpr std::size_t kMostFiles = 10'000;
inline constexpr std::chrono::hours kOldAge{24};

// The same with what /proc tells, which is asked only where there are files of other namespaces.
std::size_t remove_stale_files(const std::string& directory);

}  // namespace nat
