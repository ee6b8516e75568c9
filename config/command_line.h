// The command line of natd. Whatever options.def has is also an option of natd: `--udp.timeout=5min`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/diagnostic.h"
#include "config/document.h"
#include "config/settings.h"

namespace nat {

enum class Task : std::uint8_t { run, check_config, cleanup, replay, help, version };

struct CommandLine {
  Task task = Task::run;
  std::string config_path;  // of --config or --check-config; empty for none
  std::string replay_input;
  std::string replay_output;
  std::uint64_t seed = 1;
  std::vector<Prefix> internal_networks;  // of a replay; empty for those of RFC 1918
  Document assignments;                   // everything that sets a key
};

// Without the name of the program.
Result<CommandLine> parse_command_line(const std::vector<std::string>& arguments);

// What --help prints.
std::string command_line_help();

// Defaults, then the file that the command line names, then the command line.
Result<Settings> load_settings(const CommandLine& command_line);

}  // namespace nat
