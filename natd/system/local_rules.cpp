#include "natd/system/local_rules.h"

#include <cstdint>
#include <sstream>
#include <stdexcept>

#include <nlohmann/json.hpp>

#include "natd/system/command.h"
#include "natd/system/own_names.h"

namespace nat {

LocalRules read_local_rules() {
  using Json = nlohmann::json;
  const CommandResult result = run_command({"ip", "-4", "-d", "-N", "-j", "rule", "show"});
  const Json rules = Json::parse(result.output, nullptr, false);
  if (result.status != 0 || !rules.is_array()) {
    throw std::runtime_error("`ip -4 -d -N -j rule show` failed: " + result.output);
  }
  const auto text = [](const Json& rule, const char* key) {
    const auto found = rule.find(key);
    if (found == rule.end()) return std::string();
    return found->is_string() ? found->get<std::string>() : found->dump();
  };
  LocalRules found;
  for (const Json& rule : rules) {
    const std::string protocol = text(rule, "protocol");
    const bool local = text(rule, "table") == "255" && text(rule, "src") == "all" &&
                       rule.size() == 4;  // and no other condition
    if (local && text(rule, "priority") == "0") found.kernels = true;
    if (local && text(rule, "priority") == std::to_string(kTunLocalPreference) && protocol == "2")
      found.copy = true;
    if (protocol == kTunRouteProtocol) found.own = true;
  }
  return found;
}

std::vector<std::string> rule_command(const char* verb, const char* words) {
  std::vector<std::string> command{"ip", "-4", "rule", verb};
  std::istringstream stream(words);
  for (std::string word; stream >> word;) command.push_back(word);
  return command;
}

}  // namespace nat
