// The network namespace this thread is in, by name: for files that natd keeps for each.
#pragma once

#include <cstdint>
#include <string>

namespace nat {

// DIRECTORY/netns-INODE and the suffix. Throws std::runtime_error without /proc.
std::string namespace_file(const std::string& directory, const char* suffix);

// The boot of the machine, as the kernel names it; empty where it does not.
std::string boot_id();

// A number that no other network namespace has had since the machine started; 0 where the kernel has none.
// Inodes come back, this does not.
std::uint64_t namespace_cookie();

}  // namespace nat
