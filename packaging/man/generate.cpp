// natd_pages: makes what the operator reads from the tables of the program, so that neither can be right
// without the other.
//
//   natd_pages sample            the sample configuration
//   natd_pages fill TEMPLATE     TEMPLATE with each line that is a placeholder replaced by what it names:
//     @KEYS@           the keys of options.def, as mdoc(7)
//     @REASONS@        the reasons of reasons.def, as mdoc(7)
//     @STATES@         the states of a session, as mdoc(7)
//     @KEY_VALUES@     the keys and the words they take, as elements of a bash array
//     @REASON_NAMES@   the names of the reasons, for bash
//     @STATE_NAMES@    the states of a session, for bash
//     @PRESETS@        the names of the presets, for bash
#include <algorithm>
#include <fstream>
#include <iostream>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/option.h"
#include "config/sample.h"
#include "filtering/behavior.h"
#include "translation/net/reason.h"
#include "translation/state/view.h"

using namespace nat;

namespace {

// Plain text as the text of a manual page: hyphens can still be copied, and no line is taken for a
// request.
std::string roff(std::string_view text) {
  std::string escaped;
  if (!text.empty() && (text.front() == '.' || text.front() == '\'')) escaped = "\\&";
  for (const char c : text) {
    if (c == '\\') {
      escaped += "\\e";
    } else if (c == '-') {
      escaped += "\\-";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

// Each sentence begins a line, and no line is long, as mdoc wants it.
std::string sentences(std::string_view text) {
  constexpr std::size_t kWidth = 78;
  std::string lines;
  for (auto end = text.find(". "); end != std::string_view::npos; end = text.find(". ")) {
    lines += wrapped(roff(text.substr(0, end + 1)), "", kWidth);
    text.remove_prefix(end + 2);
  }
  return lines + wrapped(roff(text), "", kWidth);
}

std::string_view placeholder_of(Kind kind) {
  switch (kind) {
    case Kind::boolean:
      return "yes | no";
    case Kind::number:
      return "number";
    case Kind::duration:
      return "time";
    case Kind::behavior:
      return "behavior";
    case Kind::allocation:
      return "random | sequential";
    case Kind::port_range:
      return "first\\-last";
    case Kind::port_ranges:
      return "range , ...";
    case Kind::addresses:
      return "address";
    case Kind::port_forwards:
      return "rule";
    case Kind::host_rules:
      return "hosts: key=value ... | deny";
    case Kind::exemptions:
      return "remote";
    case Kind::networks:
      return "network";
    case Kind::interface:
      return "interface";
    case Kind::syn_answer:
      return "none | reset | icmp";
    case Kind::unsolicited_syn:
      return "silent | icmp\\-delayed";
    case Kind::address_options:
      return "refuse | blank";
    case Kind::datapath:
      return "auto | nfqueue | tun";
    case Kind::connection_tracking:
      return "auto | yes | no";
    case Kind::path:
      return "path";
    case Kind::group:
      return "group";
  }
  return {};
}

std::string key_page(const Option& option) {
  std::string text =
      ".It Cm " + roff(option.name()) + " = Ar " + std::string(placeholder_of(option.kind)) + "\n";
  text += sentences(option.help);
  if (option.kind == Kind::number || option.kind == Kind::duration) {
    text += "From " + option.format(option.minimum) + " to " + option.format(option.maximum);
    text += (option.unit.empty() ? "" : " " + std::string(option.unit)) + ".\n";
  }
  if (option.has_floor()) {
    text += roff(option.rule) + " demands at least " + option.format(option.floor) + ".\n";
  } else if (!option.rule.empty()) {
    text += "Anything but " + roff(option.default_value()) + " breaks " + roff(option.rule) + ".\n";
  }
  const std::string value = option.default_value();
  text += value.empty() ? "Empty by default.\n" : "Default: " + roff(value) + ".\n";
  if (option.when == When::restart) text += "Read when natd starts.\n";
  return text;
}

std::string key_pages() {
  std::string text = ".Ss Above the first section\n.Bl -tag -width Ds\n";
  for (const Option& option : options()) {
    if (option.section().empty()) text += key_page(option);
  }
  text += ".El\n";
  for (const std::string_view section : sections()) {
    text += ".Ss Bq " + std::string(section) + "\n.Bl -tag -width Ds\n";
    for (const Option& option : options()) {
      if (option.section() == section) text += key_page(option);
    }
    text += ".El\n";
  }
  return text;
}

std::string reason_pages() {
  std::string text = ".Bl -tag -width Ds\n";
  for (std::size_t i = 0; i < kReasonCount; ++i) {
    const auto reason = static_cast<Reason>(i);
    text += ".It Cm " + roff(to_string(reason)) + " Pq " + to_string(action_of(reason)) + "\n";
    text += sentences(sentence(reason));
  }
  return text + ".El\n";
}

std::string key_values() {
  std::string text;
  for (const Option& option : options()) {
    std::string words;
    for (const std::string_view word : choices(option.kind))
      words += (words.empty() ? "" : " ") + std::string(word);
    text += "  [" + std::string(option.key) + "]=\"" + words + "\"\n";
  }
  return text;
}

std::string reason_names() {
  std::string text;
  for (std::size_t i = 0; i < kReasonCount; ++i)
    text += std::string("  ") + to_string(static_cast<Reason>(i)) + "\n";
  return text;
}

std::vector<std::string> states() {
  std::vector<std::string> names;
  for (auto state = SessionState::active; state <= SessionState::closed;
       state = static_cast<SessionState>(static_cast<int>(state) + 1)) {
    names.emplace_back(to_string(state));
  }
  return names;
}

std::string state_sentence() {
  std::string text;
  for (const std::string& name : states()) text += (text.empty() ? "" : ", ") + name;
  return sentences(text + ".");
}

std::string state_names() {
  std::string text;
  for (const std::string& name : states()) text += "  " + name + "\n";
  return text;
}

std::string preset_names() {
  std::string text;
  for (const Preset& preset : kPresets) text += std::string("  ") + preset.name + "\n";
  return text;
}

int fill(const char* path) {
  const std::map<std::string, std::string (*)(), std::less<>> fillings = {
      {"@KEYS@", key_pages},          {"@REASONS@", reason_pages},  {"@STATES@", state_sentence},
      {"@STATE_NAMES@", state_names}, {"@KEY_VALUES@", key_values}, {"@REASON_NAMES@", reason_names},
      {"@PRESETS@", preset_names}};
  std::ifstream file(path);
  if (!file) {
    std::cerr << "natd_pages: cannot read " << path << "\n";
    return 1;
  }
  for (std::string line; std::getline(file, line);) {
    const auto filling = fillings.find(line);
    std::cout << (filling == fillings.end() ? line + "\n" : filling->second());
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view task = argc > 1 ? argv[1] : "";
  if (argc == 2 && task == "sample") {
    std::cout << sample_configuration();
    return 0;
  }
  if (argc == 3 && task == "fill") return fill(argv[2]);
  std::cerr << "usage: natd_pages sample | natd_pages fill TEMPLATE\n";
  return 2;
}
