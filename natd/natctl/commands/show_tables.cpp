// natctl show mappings, natctl show sessions.
#include <algorithm>
#include <optional>

#include "natd/natctl/command.h"
#include "natd/natctl/fields.h"
#include "natd/natctl/format.h"

namespace nat {
namespace {

std::string left(const Json& item) {
  const auto found = item.find("expires");
  return found == item.end() || !found->is_number()
             ? "-"
             : format_age(static_cast<std::uint64_t>(std::max(found->get<double>(), 0.0)));
}

// Who may send, in short words.
std::string who_may_send(const std::string& filtering) {
  if (filtering == "endpoint-independent") return "any";
  if (filtering == "address-dependent") return "address";
  if (filtering == "address-and-port-dependent") return "addr+port";
  return filtering;
}

// What only few mappings have: a remote that they were made for, an operator or a client who asked for them.
std::string peculiar(const Json& mapping) {
  std::string note = text(mapping, "remote");
  if (!note.empty()) note = "for " + note;
  const std::string origin = origin_of(mapping);
  return note + (note.empty() || origin.empty() ? "" : ", ") + origin;
}

void sort_by(Json& items, const char* name) {
  std::stable_sort(items.begin(), items.end(),
                   [name](const Json& a, const Json& b) { return number(a, name) < number(b, name); });
}

void print_mappings(const Context& context, const Json& mappings) {
  Table table({{"PROTO"},
               {"INTERNAL"},
               {"EXTERNAL"},
               {"FILTERING"},
               {"SESSIONS", Align::right},
               {"LEFT", Align::right}});
  for (const Json& mapping : mappings) {
    table.add({text(mapping, "proto"), text(mapping, "internal"), text(mapping, "external"),
               who_may_send(text(mapping, "filtering")), digits(mapping, "sessions"), left(mapping)},
              peculiar(mapping));
  }
  context.print(table);
}

// Under a line for each mapping, which all of its sessions have in common.
void print_sessions(const Context& context, const Json& sessions) {
  Table table({{""},
               {"REMOTE"},
               {"STATE"},
               {"SENT", Align::right},
               {"RECEIVED", Align::right},
               {"LEFT", Align::right}});
  std::optional<std::uint64_t> of;
  for (const Json& session : sessions) {
    if (number(session, "mapping") != of) {
      of = number(session, "mapping");
      table.add_line(text(session, "proto") + " " + text(session, "internal") + " = " +
                     text(session, "external"));
    }
    table.add({"", text(session, "remote"), text(session, "state"), format_bytes(number(session, "sent")),
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
