#include "config/host_rule.h"

#include <algorithm>

#include "config/option.h"
#include "config/settings.h"
#include "config/suggestion.h"
#include "config/value.h"

namespace nat {
namespace {

constexpr std::string_view kExample =
    "write it like '10.0.0.0/24 udp 5000-5999: udp.mapping=endpoint-independent udp.timeout=5min'";

constexpr std::string_view kKeys[] = {
    "udp.mapping",
    "udp.filtering",
    "udp.timeout",
    "udp.inbound-refresh",
    "tcp.mapping",
    "tcp.filtering",
    "tcp.established",
    "tcp.opening",
    "tcp.closing",
    "tcp.reset",
    "icmp.mapping",
    "icmp.filtering",
    "icmp.timeout",
    "ports.ranges",
    "ports.allocation",
    "ports.preserve",
    "ports.parity",
    "ports.spill",
    "ports.rest",
    "limits.mappings-per-host",
    "limits.udp-mappings-per-host",
    "limits.tcp-mappings-per-host",
    "limits.icmp-mappings-per-host",
    "limits.sessions-per-host",
    "limits.sessions-per-mapping",
    "limits.mapping-rate-per-host",
};

Diagnostic error(std::string message, std::string_view hint = kExample) {
  return {{}, "hosts.rule", std::move(message), std::string(hint)};
}

std::optional<Diagnostic> read_selector(std::string_view text, HostRuleText& rule) {
  const std::string_view hosts = take_word(text);
  const auto prefix = Prefix::parse(hosts);
  if (!prefix) return error(in_quotes(hosts) + " is neither an address nor a network such as 10.0.0.0/24");
  rule.internal = *prefix;
  std::string_view word = take_word(text);
  if (const auto protocol = parse_protocol(word)) {
    rule.protocol = *protocol;
    word = take_word(text);
  }
  if (!word.empty() && word != "to") {
    rule.internal_ports = parse_port_range(word);
    if (!rule.internal_ports) {
      return error(in_quotes(word) + " is neither a protocol nor a range of internal ports");
    }
    word = take_word(text);
  }
  if (word == "to") {
    const std::string_view ports = take_word(text);
    rule.remote_ports = parse_port_range(ports);
    if (!rule.remote_ports) return error(in_quotes(ports) + " is not a range of remote ports");
    word = take_word(text);
  }
  if (!word.empty()) return error(in_quotes(word) + " does not belong before ':'");
  return std::nullopt;
}

std::optional<Diagnostic> read_assignment(std::string_view word, HostRuleText& rule) {
  const auto equals = word.find('=');
  if (word == "deny") return error("'deny' stands alone", "a rule that denies sets nothing");
  if (equals == std::string_view::npos) return error(in_quotes(word) + " sets nothing");
  const std::string_view key = word.substr(0, equals);
  if (!is_for_hosts(key)) {
    const std::string_view meant = nearest(key, kKeys);
    if (!meant.empty()) {
      return error(in_quotes(key) + " is no key of a rule", "did you mean " + in_quotes(meant) + "?");
    }
    return error(in_quotes(key) + " is the same for all hosts", "natd.conf(5) lists the keys of a rule");
  }
  for (const auto& [known, value] : rule.assignments) {
    if (known == key) return error(std::string(key) + " is set twice", "keep one of them");
  }
  const Option* option = find_option(key);
  Settings scratch;
  if (const auto problem = option->read(*option, word.substr(equals + 1), scratch)) {
    return error(std::string(key) + ": " + problem->message, problem->hint);
  }
  std::string value = option->write(scratch);
  value.erase(std::remove(value.begin(), value.end(), ' '), value.end());
  rule.assignments.emplace_back(key, std::move(value));
  return std::nullopt;
}

// The settings as the rule's hosts have them; nothing but their profile is looked at.
Settings settings_under(const HostRuleText& rule, const Settings& settings) {
  Settings theirs;
  static_cast<Profile&>(theirs.policy) = settings.policy;
  for (const auto& [key, value] : rule.assignments) {
    const Option* option = find_option(key);
    option->read(*option, value, theirs);
  }
  return theirs;
}

}  // namespace

bool is_for_hosts(std::string_view key) {
  return std::find(std::begin(kKeys), std::end(kKeys), key) != std::end(kKeys);
}

Result<HostRuleText> parse_host_rule(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return error(in_quotes(text) + " is not a rule for hosts");
  HostRuleText rule;
  if (auto problem = read_selector(trimmed(text.substr(0, colon)), rule)) return std::move(*problem);
  std::string_view rest = trimmed(text.substr(colon + 1));
  if (rest.empty()) return error("nothing is set after ':'");
  rule.deny = rest == "deny";
  while (!rest.empty() && !rule.deny) {
    if (auto problem = read_assignment(take_word(rest), rule)) return std::move(*problem);
  }
  return rule;
}

std::string format_host_rule(const HostRuleText& rule) {
  std::string text =
      rule.internal.length() == 32 ? rule.internal.network().to_string() : rule.internal.to_string();
  if (rule.protocol) text += std::string(" ") + to_string(*rule.protocol);
  if (rule.internal_ports) text += " " + format_port_range(*rule.internal_ports);
  if (rule.remote_ports) text += " to " + format_port_range(*rule.remote_ports);
  text += rule.deny ? ": deny" : ":";
  for (const auto& [key, value] : rule.assignments) text += " " + key + "=" + value;
  return text;
}

std::vector<std::string> breaches(const HostRuleText& rule, const Settings& settings) {
  const Settings theirs = settings_under(rule, settings);
  std::vector<std::string> found;
  for (const auto& [key, value] : rule.assignments) {
    const Option& option = *find_option(key);
    if (option.breaks_rule(theirs)) found.push_back(option.breach(theirs));
  }
  return found;
}

void resolve_host_rules(Settings& settings) {
  std::vector<HostRule> rules;
  for (const HostRuleText& text : settings.host_rules) {
    HostRule rule;
    rule.internal = text.internal;
    rule.protocol = text.protocol;
    if (text.internal_ports) rule.internal_ports = *text.internal_ports;
    if (text.remote_ports) rule.remote_ports = *text.remote_ports;
    rule.profile = settings_under(text, settings).policy;
    for (const auto& [key, value] : text.assignments) rule.keys.push_back(key);
    rule.deny = text.deny;
    rule.own_ports = rule.sets("ports.ranges");
    rules.push_back(std::move(rule));
  }
  settings.policy.host_rules = std::move(rules);
}

}  // namespace nat
