// natctl show mappings, natctl show sessions.
#include <algorithm>

#include "natd/natctl/command.h"
#include "natd/natctl/fields.h"
#include "natd/natctl/format.h"

namespace nat {
namespace {

std::string left(const Json& item) {
  const auto found = item.find("expires");
  return found == item.end() || !found->is_number() ? "-" : format_left(found->get<double>());
}

// Who may send, in short words.
std::string who_may_send(const std::string& filtering) {
  if (filtering == "endpoint-independent") return "any";
  if (filtering == "address-dependent") return "address";
  if (filtering == "address-and-port-dependent") return "address+port";
  return filtering;
}

std::string origin(const Json& mapping) {
  const std::string name = text(mapping, "name");
  return text(mapping, "origin") + (name.empty() ? "" : " \"" + name + "\"");
}

void sort_by(Json& items, const char* name) {
  std::stable_sort(items.begin(), items.end(),
                   [name](const Json& a, const Json& b) { return number(a, name) < number(b, name); });
}

// A column for the remotes, when some mapping was made for one.
bool any_remote(const Json& mappings) {
  return std::any_of(mappings.begin(), mappings.end(), [](const Json& m) { return m.contains("remote"); });
}

void print_mappings(const Context& context, const Json& mappings) {
  const bool remotes = any_remote(mappings);
  std::vector<Column> columns{{"ID"}, {"PROTO"}, {"INTERNAL"}, {"EXTERNAL"}};
  if (remotes) columns.push_back({"REMOTE"});
  columns.insert(columns.end(),
                 {{"FILTERING"}, {"SESSIONS", Align::right}, {"EXPIRES", Align::right}, {"ORIGIN"}});
  Table table(columns);
  for (const Json& mapping : mappings) {
    std::vector<Cell> row{digits(mapping, "id"), text(mapping, "proto"), text(mapping, "internal"),
                          text(mapping, "external")};
    if (remotes) row.emplace_back(mapping.contains("remote") ? text(mapping, "remote") : "any");
    row.insert(row.end(), {Cell(who_may_send(text(mapping, "filtering"))), Cell(digits(mapping, "sessions")),
                           Cell(left(mapping)), Cell(origin(mapping))});
    table.add(std::move(row));
  }
  context.print(table);
}

void print_sessions(const Context& context, const Json& sessions) {
  Table table({{"MAPPING"},
               {"PROTO"},
               {"STATE"},
               {"INTERNAL"},
               {"REMOTE"},
               {"SENT", Align::right},
               {"RECEIVED", Align::right},
               {"EXPIRES", Align::right}});
  for (const Json& session : sessions) {
    table.add({digits(session, "mapping"), text(session, "proto"), text(session, "state"),
               text(session, "internal"), text(session, "remote"), format_bytes(number(session, "sent")),
               format_bytes(number(session, "received")), left(session)});
  }
  context.print(table);
}

int show_table(const Context& context, const Command& self, const std::vector<std::string>& words,
               ControlCommand command, const std::string& noun, const char* sort_key,
               void (*print)(const Context&, const Json&)) {
  const auto filter = Filter::parse(words);
  if (!filter) return context.misuse(filter.error(), usage_of(self));
  Request request;
  request.command = command;
  request.filter = *filter;
  Json items;
  const auto end = context.ask(request, items);
  if (!end) return context.fail(end.error());
  sort_by(items, sort_key);
  const std::uint64_t total = number(*end, "total");
  if (context.style.json) {
    context.print_json({{noun + "s", items}, {"total", total}});
    return kDone;
  }
  if (!items.empty()) print(context, items);
  context.chat(items.size() == total
                   ? counted(total, noun)
                   : std::to_string(items.size()) + " of " + counted(total, noun) + " shown");
  return kDone;
}

}  // namespace

int show_mappings(const Context& context, const Command& self, const std::vector<std::string>& words) {
  return show_table(context, self, words, ControlCommand::show_mappings, "mapping", "id", print_mappings);
}

int show_sessions(const Context& context, const Command& self, const std::vector<std::string>& words) {
  return show_table(context, self, words, ControlCommand::show_sessions, "session", "mapping",
                    print_sessions);
}

}  // namespace nat
