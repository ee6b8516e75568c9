// natctl show config, natctl set, natctl mode.
#include <algorithm>

#include "config/change.h"
#include "config/diagnostic.h"
#include "config/suggestion.h"
#include "natd/natctl/command.h"
#include "natd/natctl/fields.h"
#include "natd/natctl/format.h"

namespace nat {
namespace {

std::string or_none(const std::string& value) { return value.empty() ? "-" : value; }

// What changed, and what the change spared.
void print_change(const Context& context, const Json& done) {
  const Json& changes = part(done, "changes");
  const Json& kept = part(done, "kept");
  Table table({{"KEY"}, {"OLD"}, {""}, {"NEW"}});
  for (const Json& change : changes) {
    table.add({text(change, "key"), or_none(text(change, "old")), "->", or_none(text(change, "new"))});
  }
  context.out << table.render(false, context.style.colours);
  if (changes.empty()) context.out << "nothing changed: it was so already\n";
  context.out << "kept " << counted(number(kept, "mappings"), "mapping") << " and "
              << counted(number(kept, "sessions"), "session");
  if (const auto removed = number(part(done, "removed"), "mappings"); removed > 0) {
    context.out << ", removed " << counted(removed, "mapping");
  }
  context.out << "\n";
  for (const Json& refused : part(done, "refused")) {
    if (refused.is_string()) context.out << "not done: " << refused.get<std::string>() << "\n";
  }
  context.print_misbehavior(done);
}

int assign(const Context& context, const std::vector<std::string>& assignments) {
  Request request;
  request.command = ControlCommand::set;
  request.assignments = assignments;
  const auto done = context.ask(request);
  if (!done) return context.fail(done.error());
  if (context.style.json) {
    context.print_json(*done);
  } else {
    print_change(context, *done);
  }
  return kDone;
}

ControlResult<Json> read_config(const Context& context, Json& items) {
  Request request;
  request.command = ControlCommand::show_config;
  return context.ask(request, items);
}

std::string value_of(const Json& items, const std::string& key) {
  for (const Json& item : items) {
    if (text(item, "key") == key) return text(item, "value");
  }
  return "";
}

// The preset's name for what the protocol does, or that it has none.
std::string kind_of(const std::string& mapping, const std::string& filtering) {
  for (const Preset& preset : kPresets) {
    if (mapping == to_string(preset.mapping) && filtering == to_string(preset.filtering)) return preset.name;
  }
  return "-";
}

int show_mode(const Context& context) {
  Json items;
  if (const auto done = read_config(context, items); !done) return context.fail(done.error());
  Table table({{"PROTO"}, {"MAPPING"}, {"FILTERING"}});
  Json modes = Json::array();
  for (const Protocol protocol : kProtocols) {
    const std::string name = to_string(protocol);
    const std::string mapping = value_of(items, name + ".mapping");
    const std::string filtering = value_of(items, name + ".filtering");
    const std::string mode = kind_of(mapping, filtering);
    table.add({name, mapping, filtering}, mode == "-" ? "" : mode);
    modes.push_back({{"proto", name},
                     {"mode", mode == "-" ? Json(nullptr) : Json(mode)},
                     {"mapping", mapping},
                     {"filtering", filtering}});
  }
  if (context.style.json) {
    context.print_json({{"modes", modes}});
  } else {
    context.print(table);
  }
  return kDone;
}

}  // namespace

int change_mode(const Context& context, const Command& self, const std::vector<std::string>& words) {
  if (words.empty()) return show_mode(context);
  const auto preset = parse_preset(words.front());
  if (!preset || words.size() > 1) {
    std::vector<std::string_view> names;
    for (const Preset& known : kPresets) names.emplace_back(known.name);
    const std::string_view meant = nearest(words.front(), names);
    if (preset) return misused(context, self, "mode takes one word");
    return misused(context, self, in_quotes(words.front()) + " is no mode",
                   meant.empty() ? "for other combinations: natctl set udp.mapping=... udp.filtering=..."
                                 : "did you mean " + in_quotes(meant) + "?");
  }
  return assign(context, preset_assignments(*preset));
}

int change_settings(const Context& context, const Command& self, const std::vector<std::string>& words) {
  if (words.empty())
    return misused(context, self, "there is nothing to set", "natctl show config lists the keys");
  for (const std::string& word : words) {
    if (word.find('=') == std::string::npos || word.starts_with('=')) {
      return misused(context, self, in_quotes(word) + " is no assignment",
                     "write KEY=VALUE without blanks around '='");
    }
  }
  return assign(context, words);
}

int show_config(const Context& context, const Command&, const std::vector<std::string>& words) {
  Json all;
  const auto done = read_config(context, all);
  if (!done) return context.fail(done.error());
  Json items = Json::array();
  for (const Json& item : all) {
    const std::string key = text(item, "key");
    const bool wanted =
        words.empty() || std::any_of(words.begin(), words.end(),
                                     [&](const std::string& word) { return key.starts_with(word); });
    if (wanted) items.push_back(item);
  }
  if (items.empty()) {
    const OptionError error = unknown_key(words.front());
    return context.fail({"not-found", error.message, error.hint});
  }
  if (context.style.json) {
    context.print_json({{"misbehaving", part(*done, "misbehaving")}, {"config", items}});
    return kDone;
  }
  context.print_misbehavior(*done);
  Table table({{"KEY"}, {"VALUE"}});
  for (const Json& item : items) {
    const std::string value = text(item, "value");
    const std::string usual = text(item, "default");
    table.add({text(item, "key"), or_none(value)},
              Cell(value == usual ? "" : "default " + or_none(usual), Tone::faint));
  }
  context.print(table);
  return kDone;
}

}  // namespace nat
