// natctl port-forward add, del, list.
#include "config/port_forward.h"

#include <algorithm>

#include "natd/natctl/command.h"
#include "natd/natctl/fields.h"

namespace nat {
namespace {

std::string id_of(const Json& forward) {
  const auto found = forward.find("id");
  return found == forward.end() || !found->is_number() ? "-" : std::to_string(found->get<std::uint64_t>());
}

std::string rule_of(const Json& forward) {
  const std::string name = text(forward, "name");
  return text(forward, "proto") + " " + text(forward, "external") + " -> " + text(forward, "internal") +
         (name.empty() ? "" : " \"" + name + "\"");
}

// Its name, and that natd could not make it.
std::string note_of(const Json& forward, bool refused) {
  const std::string name = text(forward, "name");
  return (name.empty() ? "" : "\"" + name + "\"") + (name.empty() || !refused ? "" : ", ") +
         (refused ? "refused" : "");
}

int print_one(const Context& context, const ControlResult<Json>& done, const std::string& verb,
              const std::string& note) {
  if (!done) return context.fail(done.error());
  if (context.style.json) {
    context.print_json(*done);
    return kDone;
  }
  const Json& forward = part(*done, "port_forward");
  const bool changed = flag(*done, "changed");
  context.out << (changed ? verb : "there already:") << " mapping " << id_of(forward) << ": "
              << rule_of(forward) << "\n";
  if (changed && !note.empty()) context.chat(note);
  return kDone;
}

// "web", "--name web", "7", "tcp 8443", or the words that add took.
std::string which_one(std::vector<std::string> words) {
  take_flag(words, "--name");
  if (words.size() == 3) {
    const auto forward = make_port_forward(words[0], words[1], words[2], "");
    if (forward) return format_port_forward(*forward);
  }
  std::string which;
  for (const std::string& word : words) which += (which.empty() ? "" : " ") + word;
  return which;
}

}  // namespace

int port_forward_add(const Context& context, const Command& self, const std::vector<std::string>& words) {
  std::vector<std::string> rest = words;
  std::string name;
  const auto option = std::find_if(rest.begin(), rest.end(), [](const std::string& word) {
    return word == "--name" || word.starts_with("--name=");
  });
  if (option != rest.end()) {
    const bool separate = *option == "--name";
    if (separate && option + 1 == rest.end())
      return misused(context, self, "the name is missing after --name");
    name = separate ? *(option + 1) : option->substr(7);
    rest.erase(option, option + (separate ? 2 : 1));
  }
  if (rest.size() != 3) {
    return misused(context, self, "a port forward is a protocol, an external port and an internal host");
  }
  const auto forward = make_port_forward(rest[0], rest[1], rest[2], name);
  if (!forward) {
    const Diagnostic& problem = forward.problems().front();
    return misused(context, self, problem.message, problem.hint);
  }
  Request request;
  request.command = ControlCommand::port_forward_add;
  request.forward = *forward;
  return print_one(context, context.ask(request), "added",
                   "until natd is reloaded or restarted; for good, write 'rule = " +
                       format_port_forward(*forward) + "' into [forward] of natd.conf");
}

int port_forward_del(const Context& context, const Command& self, const std::vector<std::string>& words) {
  if (which_one(words).empty())
    return misused(context, self, "which port forward?", "natctl port-forward list shows them");
  Request request;
  request.command = ControlCommand::port_forward_delete;
  request.which = which_one(words);
  return print_one(context, context.ask(request), "removed", "");
}

int port_forward_list(const Context& context, const Command& self, const std::vector<std::string>& words) {
  if (!words.empty()) return misused(context, self, "port-forward list takes no words");
  Request request;
  request.command = ControlCommand::port_forward_list;
  Json items;
  const auto done = context.ask(request, items);
  if (!done) return context.fail(done.error());
  if (context.style.json) {
    context.print_json({{"port_forwards", items}});
    return kDone;
  }
  Table table({{"ID"}, {"PROTO"}, {"EXTERNAL"}, {"INTERNAL"}, {"SESSIONS", Align::right}});
  for (const Json& forward : items) {
    const bool refused = !flag(forward, "active");
    table.add({id_of(forward), text(forward, "proto"), text(forward, "external"), text(forward, "internal"),
               digits(forward, "sessions")},
              Cell(note_of(forward, refused), refused ? Tone::bad : Tone::plain));
  }
  if (!items.empty()) context.print(table);
  if (items.empty()) context.chat("no port forwards");
  return kDone;
}

}  // namespace nat
