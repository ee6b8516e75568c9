// The rules of policy routing that matter to natd, as ip(8) shows them.
#pragma once

#include <string>
#include <vector>

namespace nat {

struct LocalRules {
  bool kernels = false;  // the kernel's own rule for local addresses, before all others
  bool copy = false;     // natd's copy of it (kTunLocalRule)
  bool own = false;      // any rule of protocol kTunRouteProtocol
};

// Throws std::runtime_error when ip(8) does not tell.
LocalRules read_local_rules();

// The argument vector of `ip rule`: `verb` is "add" or "del", `words` what follows it.
std::vector<std::string> rule_command(const char* verb, const char* words);

}  // namespace nat
