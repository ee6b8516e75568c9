// The commands of natctl: one table, from which dispatch, help and completion come.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "natd/natctl/context.h"

namespace nat {

struct Command {
  const char* name;     // "show mappings", as it is typed
  const char* usage;    // what follows the name
  const char* summary;  // one sentence
  const char* details;  // for --help of the command; may be empty
  // Gets the words after the name. Returns the exit code.
  int (*run)(const Context& context, const Command& self, const std::vector<std::string>& words);
};

std::span<const Command> commands();

// One file each in natd/natctl/commands.
int show_mappings(const Context&, const Command&, const std::vector<std::string>& words);
int show_sessions(const Context&, const Command&, const std::vector<std::string>& words);
int show_stats(const Context&, const Command&, const std::vector<std::string>& words);
int show_config(const Context&, const Command&, const std::vector<std::string>& words);
int change_mode(const Context&, const Command&, const std::vector<std::string>& words);
int change_settings(const Context&, const Command&, const std::vector<std::string>& words);
int port_forward_add(const Context&, const Command&, const std::vector<std::string>& words);
int port_forward_del(const Context&, const Command&, const std::vector<std::string>& words);
int port_forward_list(const Context&, const Command&, const std::vector<std::string>& words);
int flush(const Context&, const Command&, const std::vector<std::string>& words);
int watch(const Context&, const Command&, const std::vector<std::string>& words);
int trace(const Context&, const Command&, const std::vector<std::string>& words);
int whose(const Context&, const Command&, const std::vector<std::string>& words);

// "mode [full-cone|...]": the command as it is typed.
std::string usage_of(const Command& command);
// Complains about the words and shows the usage.
int misused(const Context& context, const Command& command, const std::string& message,
            const std::string& hint = "");
// Takes --flag out of the words; whether it was there.
bool take_flag(std::vector<std::string>& words, const std::string& flag);

}  // namespace nat
