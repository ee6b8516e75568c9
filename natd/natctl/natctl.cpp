#include "natd/natctl/natctl.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "config/diagnostic.h"
#include "config/suggestion.h"
#include "natd/natctl/command.h"

namespace nat {
namespace {

struct Invocation {
  std::string control = kDefaultControlPath;
  std::string color = "auto";
  bool json = false;
  bool header = true;
  bool help = false;
  bool version = false;
  std::vector<std::string> words;  // the command and what follows it
  std::optional<ControlError> error;
};

// "--control PATH" and "--control=PATH".
bool takes_value(const std::string& argument, std::string_view option) {
  return argument == option || argument.starts_with(std::string(option) + "=");
}

Invocation read(const std::vector<std::string>& arguments) {
  Invocation invocation;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    const auto value = [&](std::string_view option, std::string& field) {
      if (argument.size() > option.size()) {
        field = argument.substr(option.size() + 1);
      } else if (++i < arguments.size()) {
        field = arguments[i];
      } else {
        invocation.error = ControlError{"usage", "the value is missing after " + std::string(option), ""};
      }
    };
    if (argument == "--json") {
      invocation.json = true;
    } else if (argument == "-H" || argument == "--no-header") {
      invocation.header = false;
    } else if (argument == "-h" || argument == "--help") {
      invocation.help = true;
    } else if (argument == "--version") {
      invocation.version = true;
    } else if (takes_value(argument, "--control")) {
      value("--control", invocation.control);
    } else if (takes_value(argument, "--color")) {
      value("--color", invocation.color);
    } else {
      invocation.words.push_back(argument);
    }
  }
  constexpr std::string_view kWhens[] = {"auto", "always", "never"};
  if (std::find(std::begin(kWhens), std::end(kWhens), invocation.color) == std::end(kWhens)) {
    invocation.error = ControlError{"usage", in_quotes(invocation.color) + " is not a value of --color",
                                    "it is auto, always or never"};
  }
  return invocation;
}

std::string help() {
  std::string text =
      "Usage: natctl [OPTION...] COMMAND\n"
      "Steers and shows a running natd.\n\n"
      "Commands:\n";
  for (const Command& command : commands()) {
    text += "  " + usage_of(command) + "\n      " + command.summary + "\n";
  }
  text += std::string(
              "\nOptions:\n"
              "  --control PATH             natd's socket; default ") +
          kDefaultControlPath +
          "\n"
          "  --json                     one JSON object; for watch, one on each line\n"
          "  -H, --no-header            tables without their first line\n"
          "  --color=auto|always|never  colours; auto means on a terminal, without NO_COLOR\n"
          "  --help, --version          also 'natctl COMMAND --help'\n\n"
          "Exit codes: 0 done, 1 refused or failed, 2 not understood, 3 natd does not answer, 4 no such "
          "object.\n";
  return text;
}

std::string help(const Command& command) {
  std::string text = "Usage: natctl " + usage_of(command) + "\n" + command.summary + "\n";
  if (command.details[0] != '\0') text += std::string("\n") + command.details;
  return text;
}

std::vector<std::string> split(std::string_view name) {
  const auto blank = name.find(' ');
  if (blank == std::string_view::npos) return {std::string(name)};
  return {std::string(name.substr(0, blank)), std::string(name.substr(blank + 1))};
}

struct Match {
  const Command* command = nullptr;
  std::vector<std::string> rest;
};

Match find_command(const std::vector<std::string>& words) {
  for (const Command& command : commands()) {
    const auto name = split(command.name);
    if (words.size() < name.size() || !std::equal(name.begin(), name.end(), words.begin())) continue;
    return {&command, {words.begin() + static_cast<std::ptrdiff_t>(name.size()), words.end()}};
  }
  return {};
}

// What can follow the words that were understood.
ControlError unknown(const std::vector<std::string>& words) {
  std::vector<std::string> firsts, seconds;
  for (const Command& command : commands()) {
    const auto name = split(command.name);
    if (firsts.empty() || firsts.back() != name[0]) firsts.push_back(name[0]);
    if (!words.empty() && name[0] == words[0] && name.size() == 2) seconds.push_back(name[1]);
  }
  const auto& candidates = seconds.empty() ? firsts : seconds;
  const std::string object = seconds.empty() ? "command" : "'" + words[0] + "'";
  const std::size_t position = seconds.empty() ? 0 : 1;
  std::string all;
  for (const std::string& candidate : candidates) all += (all.empty() ? "" : ", ") + candidate;
  if (words.size() <= position)
    return {"usage", "what follows after " + object + " is missing", "it is one of " + all};
  const std::vector<std::string_view> views(candidates.begin(), candidates.end());
  const std::string_view meant = nearest(words[position], views);
  return {
      "usage",
      in_quotes(words[position]) + (seconds.empty() ? " is no command" : " does not follow after " + object),
      meant.empty() ? "choose from " + all : "did you mean " + in_quotes(meant) + "?"};
}

Style style_of(const Invocation& invocation, const Terminals& terminals) {
  Style style;
  style.json = invocation.json;
  style.header = invocation.header;
  style.terminal = terminals.out;
  style.chatter = terminals.err;
  style.colours =
      invocation.color == "always" || (invocation.color == "auto" && terminals.out && !terminals.no_color);
  return style;
}

ControlResult<Json> ask_socket(const std::string& path, const Request& request,
                               const ControlClient::Sink& sink) {
  auto client = ControlClient::connect(path);
  if (!client) return client.error();
  return client->ask(request, sink);
}

}  // namespace

int natctl(const std::vector<std::string>& arguments, const Terminals& terminals, std::ostream& out,
           std::ostream& err, const AskAt& ask) {
  const Invocation invocation = read(arguments);
  const Context context(style_of(invocation, terminals), out, err,
                        [&](const Request& request, const ControlClient::Sink& sink) {
                          return ask(invocation.control, request, sink);
                        });
  if (invocation.error) return context.misuse(*invocation.error, "[OPTION...] COMMAND; see natctl --help");
  if (invocation.version) {
    out << "natctl " << NATD_VERSION << "\n";
    return kDone;
  }
  const Match match = find_command(invocation.words);
  if (invocation.help && (match.command != nullptr || invocation.words.empty())) {
    out << (match.command == nullptr ? help() : help(*match.command));
    return kDone;
  }
  if (invocation.words.empty()) {
    err << help();
    return kUsage;
  }
  if (match.command == nullptr) {
    return context.misuse(unknown(invocation.words), "[OPTION...] COMMAND; see natctl --help");
  }
  return match.command->run(context, *match.command, match.rest);
}

int natctl(const std::vector<std::string>& arguments, const Terminals& terminals, std::ostream& out,
           std::ostream& err) {
  return natctl(arguments, terminals, out, err, ask_socket);
}

}  // namespace nat
