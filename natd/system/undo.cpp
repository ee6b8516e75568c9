#include "natd/system/undo.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include <net/if.h>
#include <nlohmann/json.hpp>

#include "natd/system/command.h"
#include "natd/system/local_rules.h"
#include "natd/system/own_names.h"
#include "natd/system/pool_addresses.h"
#include "natd/system/sysctl.h"

namespace nat {
namespace {

using Json = nlohmann::json;

template <typename... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <typename... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

constexpr std::string_view kInterfaceSettings = "net/ipv4/conf/";
constexpr std::size_t kLongestValue = 64;

bool is_digit(char character) { return character >= '0' && character <= '9'; }

// As the kernel allows them (dev_valid_name()), without control characters.
bool is_interface_name(std::string_view name) {
  const auto fits = [](unsigned char character) {
    return character > ' ' && character != 0x7f && character != '/' && character != ':';
  };
  return !name.empty() && name.size() < IFNAMSIZ && name != "." && name != ".." &&
         std::all_of(name.begin(), name.end(), fits);
}

bool is_own_sysctl(std::string_view key) {
  if (key == "net/ipv4/ip_local_port_range" || key == "net/bridge/bridge-nf-call-iptables") return true;
  if (!key.starts_with(kInterfaceSettings)) return false;
  key.remove_prefix(kInterfaceSettings.size());
  const std::size_t slash = key.find('/');
  if (slash == std::string_view::npos || !is_interface_name(key.substr(0, slash))) return false;
  const std::string_view interface = key.substr(0, slash);
  const std::string_view setting = key.substr(slash + 1);
  return setting == "send_redirects" ||
         (setting == "forwarding" && interface != "all" && interface != "default");
}

bool is_sysctl_value(std::string_view value) {
  return !value.empty() && value.size() <= kLongestValue && is_digit(value.front()) &&
         is_digit(value.back()) &&
         std::all_of(value.begin(), value.end(), [](char c) { return is_digit(c) || c == ' '; });
}

bool is_own_table(std::string_view name) {
  if (name == kTable || name == kTunTable || name == kBlockTable) return true;
  if (!name.starts_with(kOldBlock)) return false;
  name.remove_prefix(std::strlen(kOldBlock));
  return !name.empty() && name.size() <= 10 && std::all_of(name.begin(), name.end(), is_digit);
}

std::optional<std::string> run(const std::vector<std::string>& command) {
  const CommandResult result = run_command(command);
  if (result.status == 0) return std::nullopt;
  std::string line;
  for (const std::string& word : command) line += (line.empty() ? "" : " ") + word;
  return "`" + line + "`: " + words_of(result.output);
}

std::optional<std::string> restore(const RestoreSysctl& undo) {
  const int error = write_sysctl(undo.key, undo.value);
  // A setting of an interface that is gone went with it.
  if (error == 0 || error == ENOENT) return std::nullopt;
  return std::strerror(error);
}

std::optional<std::string> restore(const RestoreLinkGroup& undo) {
  if (if_nametoindex(undo.interface.c_str()) == 0) return std::nullopt;
  return run({"ip", "link", "set", "dev", undo.interface, "group", std::to_string(undo.group)});
}

std::optional<std::string> remove(const RemoveTable& undo) {
  // Deleting a table that is not there is an error; adding one that is there is none.
  return run({"nft", "add table ip " + undo.name + "; delete table ip " + undo.name});
}

std::optional<std::string> remove(const RemoveAddress& undo) {
  if (!addresses_of(undo.interface).contains(undo.address)) return std::nullopt;
  return run({"ip", "address", "del", undo.address.to_string() + "/32", "dev", undo.interface});
}

std::optional<std::string> restore(const RestoreLocalRule& undo) {
  const LocalRules there = read_local_rules();
  if (undo.was_there && !there.kernels) {
    if (auto problem = run(rule_command("add", kTunFirstLocalRule))) return problem;
  }
  return there.copy ? run(rule_command("del", kTunLocalRule)) : std::nullopt;
}

Json json_of(const Undo& undo) {
  return std::visit(
      Overloaded{
          [](const RestoreSysctl& one) {
            return Json{{"undo", "sysctl"}, {"key", one.key}, {"value", one.value}};
          },
          [](const RemoveTable& one) {
            return Json{{"undo", "table"}, {"name", one.name}};
          },
          [](const RemoveAddress& one) {
            return Json{
                {"undo", "address"}, {"interface", one.interface}, {"address", one.address.to_string()}};
          },
          [](const RemoveRoutes&) {
            return Json{{"undo", "routes"}};
          },
          [](const RemoveRules&) {
            return Json{{"undo", "rules"}};
          },
          [](const RestoreLocalRule& one) {
            return Json{{"undo", "local-rule"}, {"was-there", one.was_there}};
          },
          [](const RestoreLinkGroup& one) {
            return Json{{"undo", "link-group"}, {"interface", one.interface}, {"group", one.group}};
          },
      },
      undo);
}

// Throws what nlohmann::json throws for parameters that are missing or of another type.
std::optional<Undo> undo_of(const Json& json) {
  const std::string kind = json.at("undo");
  if (kind == "sysctl") return RestoreSysctl{json.at("key"), json.at("value")};
  if (kind == "table") return RemoveTable{json.at("name")};
  if (kind == "routes") return RemoveRoutes{};
  if (kind == "rules") return RemoveRules{};
  if (kind == "local-rule") return RestoreLocalRule{json.at("was-there").get<bool>()};
  if (kind == "link-group")
    return RestoreLinkGroup{json.at("interface"), json.at("group").get<std::uint32_t>()};
  if (kind == "address") {
    const auto address = Address::parse(json.at("address").get<std::string>());
    if (address) return RemoveAddress{json.at("interface"), *address};
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> complaint(const Undo& undo) {
  const auto interface = [](const std::string& name) -> std::optional<std::string> {
    if (is_interface_name(name)) return std::nullopt;
    return "'" + name + "' is no name of an interface";
  };
  return std::visit(Overloaded{
                        [](const RestoreSysctl& one) -> std::optional<std::string> {
                          if (!is_own_sysctl(one.key)) return one.key + " is no sysctl that natd sets";
                          if (is_sysctl_value(one.value)) return std::nullopt;
                          return "'" + one.value + "' is no value of " + one.key;
                        },
                        [](const RemoveTable& one) -> std::optional<std::string> {
                          if (is_own_table(one.name)) return std::nullopt;
                          return "'" + one.name + "' is no table of natd's";
                        },
                        [&](const RemoveAddress& one) { return interface(one.interface); },
                        [&](const RestoreLinkGroup& one) { return interface(one.interface); },
                        [](const auto&) -> std::optional<std::string> { return std::nullopt; },
                    },
                    undo);
}

std::string to_line(const Undo& undo) { return json_of(undo).dump(); }

std::optional<Undo> parse_undo(std::string_view line) {
  const Json json = Json::parse(line, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  try {
    const auto undo = undo_of(json);
    // Converted back it says the same: no number was cut, no parameter is one too many.
    if (undo && !complaint(*undo) && json_of(*undo) == json) return undo;
  } catch (const Json::exception&) {
    return std::nullopt;
  }
  return std::nullopt;
}

bool same_target(const Undo& one, const Undo& other) {
  if (one.index() != other.index()) return false;
  return std::visit(
      Overloaded{
          [&](const RestoreSysctl& undo) { return undo.key == std::get<RestoreSysctl>(other).key; },
          [&](const RestoreLinkGroup& undo) {
            return undo.interface == std::get<RestoreLinkGroup>(other).interface;
          },
          [](const RestoreLocalRule&) { return true; },
          [&](const auto&) { return one == other; },
      },
      one);
}

std::string describe(const Undo& undo) {
  return std::visit(
      Overloaded{
          [](const RestoreSysctl& one) { return "set " + one.key + " back to " + one.value; },
          [](const RemoveTable& one) { return "remove the table ip " + one.name; },
          [](const RemoveAddress& one) {
            return "remove " + one.address.to_string() + " from " + one.interface;
          },
          [](const RemoveRoutes&) {
            return std::string("remove the routes of protocol ") + kTunRouteProtocol;
          },
          [](const RemoveRules&) { return std::string("remove the rules of protocol ") + kTunRouteProtocol; },
          [](const RestoreLocalRule&) {
            return std::string("put the kernel's rule for local addresses back");
          },
          [](const RestoreLinkGroup& one) {
            return "put " + one.interface + " back into group " + std::to_string(one.group);
          },
      },
      undo);
}

std::optional<std::string> carry_out(const Undo& undo) {
  auto problem =
      std::visit(Overloaded{
                     [](const RestoreSysctl& one) { return restore(one); },
                     [](const RemoveTable& one) { return remove(one); },
                     [](const RemoveAddress& one) { return remove(one); },
                     [](const RemoveRoutes&) {
                       return run({"ip", "-4", "route", "flush", "table", "all", "proto", kTunRouteProtocol});
                     },
                     [](const RemoveRules&) {
                       return run({"ip", "-4", "rule", "flush", "protocol", kTunRouteProtocol});
                     },
                     [](const RestoreLocalRule& one) { return restore(one); },
                     [](const RestoreLinkGroup& one) { return restore(one); },
                 },
                 undo);
  if (problem) *problem = "cannot " + describe(undo) + ": " + *problem;
  return problem;
}

}  // namespace nat
