// /run/natd, where natd keeps what the next one needs. No user but root may write there: natd does as root
// what stands there.
#pragma once

#include <string>

#include <sys/stat.h>

namespace nat {

inline constexpr const char* kStateDirectory = "/run/natd";

// Makes the directory, with mode 0755 whatever the umask says, where it is missing. Throws std::runtime_error
// with what to do when it cannot be made, when it is a link, or when others own it or can write to it.
void make_state_directory(const std::string& path);

// A sentence when a file that natd is to believe belongs to another user, can be written by others, is no
// plain file or has a second name; empty when all is well.
std::string why_not_believed(const struct stat& status);

}  // namespace nat
