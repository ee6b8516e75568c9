#include "config/sample.h"

#include "config/option.h"

namespace nat {
namespace {

constexpr std::size_t kWidth = 100;

constexpr std::string_view kHead =
    "# Configuration of natd; natd.conf(5) explains every key.\n"
    "#\n"
    "# All keys stand here with their defaults, commented out. Two must be set: the interfaces, here or on\n"
    "# the command line.\n"
    "#\n"
    "#   check it:  natd --check-config /etc/natd/natd.conf\n"
    "#   apply it:  systemctl reload natd\n";

std::string range_of(const Option& option) {
  std::string text;
  if (option.kind == Kind::number || option.kind == Kind::duration) {
    text = option.format(option.minimum) + " to " + option.format(option.maximum);
    if (!option.unit.empty()) text += " " + std::string(option.unit);
  }
  if (option.has_floor()) {
    text += "; " + std::string(option.rule) + " demands at least " + option.format(option.floor);
  }
  if (option.has_floor()) return text;
  if (!option.rule.empty()) {
    text += std::string(text.empty() ? "Anything" : "; anything") + " but " + option.default_value() +
            " breaks " + std::string(option.rule);
  }
  return text;
}

// An example where the default is empty.
std::string_view example(const Option& option) {
  switch (option.kind) {
    case Kind::interface:
      return option.name() == "internal" ? "lan0" : "wan0";
    case Kind::addresses:
      return option.section() == "blocks" ? "10.0.0.1-10.0.0.14" : "203.0.113.6";
    case Kind::exemptions:
      return "192.0.2.32";
    case Kind::networks:
      return "10.0.0.0/24";
    case Kind::port_forwards:
      return "tcp 8443 -> 10.0.0.1:443 name=web";
    case Kind::host_rules:
      return "10.0.0.0/24 udp 5000-5999: udp.mapping=endpoint-independent udp.timeout=10min";
    default:
      return {};
  }
}

std::string entry(const Option& option) {
  std::string text = wrapped(option.help, "# ", kWidth);
  if (const auto words = choices(option.kind); words.size() > 2) {
    std::string line;
    for (const std::string_view word : words) line += (line.empty() ? "" : " | ") + std::string(word);
    text += wrapped(line, "# ", kWidth);
  }
  if (const std::string range = range_of(option); !range.empty()) text += wrapped(range + ".", "# ", kWidth);
  if (option.when == When::restart) text += "# Read when natd starts.\n";
  std::string value = option.default_value();
  if (value.empty()) value = example(option);
  text += "#" + std::string(option.name()) + " =" + (value.empty() ? "" : " ") + value + "\n";
  return text;
}

}  // namespace

std::string sample_configuration() {
  std::string text(kHead);
  for (const Option& option : options()) {
    if (option.section().empty()) text += "\n" + entry(option);
  }
  for (const std::string_view section : sections()) {
    text += "\n[" + std::string(section) + "]\n";
    for (const Option& option : options()) {
      if (option.section() == section) text += "\n" + entry(option);
    }
  }
  return text;
}

std::string wrapped(std::string_view text, std::string_view prefix, std::size_t width) {
  std::string lines;
  std::string line;
  while (!text.empty()) {
    const auto blank = text.find(' ');
    const std::string_view word = text.substr(0, blank);
    if (!line.empty() && prefix.size() + line.size() + 1 + word.size() > width) {
      lines += std::string(prefix) + line + "\n";
      line.clear();
    }
    if (!line.empty()) line += ' ';
    line += word;
    text.remove_prefix(blank == std::string_view::npos ? text.size() : blank + 1);
  }
  return lines + std::string(prefix) + line + "\n";
}

}  // namespace nat
