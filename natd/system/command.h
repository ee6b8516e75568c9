// Running another program, for what has no better interface than its command line (nft, ip).
#pragma once

#include <string>
#include <vector>

namespace nat {

// What a program printed (standard output and error together) and its exit status, as a shell would give it.
struct CommandResult {
  int status = 0;
  std::string output;
};

// Runs a program to its end: argument vector, no shell; `input` on its standard input. It is looked for in
// the system's directories for programs whatever PATH says, and sees no environment but that. A program that
// cannot be started has status 127. Throws std::system_error when the kernel refuses a pipe or the like.
CommandResult run_command(const std::vector<std::string>& arguments, const std::string& input = {});

}  // namespace nat
