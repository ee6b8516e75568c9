#include "config/change.h"

#include "config/document.h"
#include "config/option.h"
#include "config/validate.h"

namespace nat {

std::vector<Change> diff(const Settings& from, const Settings& to) {
  std::vector<Change> changes;
  for (const Option& option : options()) {
    std::string old_value = option.write(from);
    std::string new_value = option.write(to);
    if (old_value == new_value) continue;
    changes.push_back(
        {std::string(option.key), std::move(old_value), std::move(new_value), option.when == When::restart});
  }
  return changes;
}

Result<Settings> apply_assignments(const Settings& running, const std::vector<std::string>& assignments) {
  const Document document = parse_assignments(assignments, "");
  auto wanted = validate(running, {&document, 1}, Interfaces::optional);
  if (!wanted) return wanted;
  Diagnostics problems;
  for (const Change& change : diff(running, *wanted)) {
    if (!change.needs_restart) continue;
    problems.push_back({{},
                        change.key,
                        change.key + " takes effect only when natd starts",
                        "change it in the file and restart natd"});
  }
  if (!problems.empty()) return problems;
  return wanted;
}

std::vector<std::string> preset_assignments(const Preset& preset) {
  std::vector<std::string> assignments;
  for (const Protocol protocol : kProtocols) {
    const std::string section = to_string(protocol);
    assignments.push_back(section + ".mapping=" + to_string(preset.mapping));
    assignments.push_back(section + ".filtering=" + to_string(preset.filtering));
  }
  return assignments;
}

Reload plan_reload(const Settings& running, const Settings& wanted) {
  Reload reload{wanted, diff(running, wanted)};
  for (const Option& option : options()) {
    if (option.when == When::restart) option.copy(running, reload.settings);
  }
  reload.settings.policy.reserved_ports = running.policy.reserved_ports;
  resolve_host_rules(reload.settings);
  return reload;
}

std::vector<ShownOption> show(const Settings& settings) {
  std::vector<ShownOption> shown;
  for (const Option& option : options()) {
    ShownOption row{option.key, option.write(settings), option.default_value(), true, option.unit,
                    option.help};
    row.is_default = row.value == row.default_value;
    shown.push_back(std::move(row));
  }
  return shown;
}

}  // namespace nat
