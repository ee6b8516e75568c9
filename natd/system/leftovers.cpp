#include "natd/system/leftovers.h"

#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>

#include "natd/system/command.h"
#include "natd/system/local_rules.h"
#include "natd/system/own_names.h"

namespace nat {
namespace {

constexpr int kNotInstalled = 127;

// None where the program is not installed.
std::optional<std::string> answer(const std::vector<std::string>& command) {
  CommandResult result = run_command(command);
  if (result.status == kNotInstalled) return std::nullopt;
  if (result.status == 0) return std::move(result.output);
  throw std::runtime_error("cannot tell what an earlier natd has left: " + command[0] + ": " + result.output);
}

void find_tables(std::vector<Undo>& found) {
  constexpr std::string_view kBegin = "table ip ";
  std::istringstream lines(answer({"nft", "list", "tables", "ip"}).value_or(""));
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(kBegin)) continue;
    const RemoveTable table{line.substr(kBegin.size())};
    if (!complaint(table)) found.emplace_back(table);
  }
}

}  // namespace

std::vector<Undo> find_leftovers() {
  std::vector<Undo> found;
  find_tables(found);
  const auto routes = answer({"ip", "-4", "route", "show", "table", "all", "proto", kTunRouteProtocol});
  if (!routes) return found;
  if (!routes->empty()) found.emplace_back(RemoveRoutes{});
  const LocalRules rules = read_local_rules();
  if (rules.copy) found.emplace_back(RestoreLocalRule{});
  if (rules.own) found.emplace_back(RemoveRules{});
  return found;
}

}  // namespace nat
