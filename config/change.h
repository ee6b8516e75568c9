// Changes while natd runs: `natctl set` and `natctl mode`, a reloaded file, and what to report about
// them.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/diagnostic.h"
#include "config/settings.h"
#include "filtering/behavior.h"

namespace nat {

struct Change {
  std::string key;
  std::string old_value;
  std::string new_value;
  bool needs_restart = false;  // the running natd keeps the old value
};

// What differs, in the order of options.def.
std::vector<Change> diff(const Settings& from, const Settings& to);

// "udp.timeout=5min" and the like over the running settings. Refused as a whole when one of them is wrong or
// takes effect only at a restart.
Result<Settings> apply_assignments(const Settings& running, const std::vector<std::string>& assignments);

// A preset for all three protocols, as assignments.
std::vector<std::string> preset_assignments(const Preset& preset);

// What a running natd takes over of a new file: all but what needs a restart.
struct Reload {
  Settings settings;
  std::vector<Change> changes;
};
Reload plan_reload(const Settings& running, const Settings& wanted);

// Every key with its value, for `natctl show config`.
struct ShownOption {
  std::string_view key;
  std::string value;
  std::string default_value;
  bool is_default = true;
  std::string_view unit;
  std::string_view help;
};
std::vector<ShownOption> show(const Settings& settings);

}  // namespace nat
