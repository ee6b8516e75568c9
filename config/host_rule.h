// Rules for some hosts as text: which hosts a rule is for, and the keys that are different for them.
//
//   rule = 10.0.0.0/24 udp 5000-5999 to 3478: udp.mapping=endpoint-independent ports.ranges=40000-49999
//   rule = 10.0.0.60 tcp to 25: deny
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/diagnostic.h"
#include "translation/policy/policy.h"

namespace nat {

struct Settings;

// A rule before it is resolved against the settings of all other hosts.
struct HostRuleText {
  Prefix internal;
  std::optional<Protocol> protocol;
  std::optional<PortRange> internal_ports;
  std::optional<PortRange> remote_ports;
  std::vector<std::pair<std::string, std::string>> assignments;  // key and value, each key once
  bool deny = false;                                             // then there are none

  bool operator==(const HostRuleText&) const = default;
};

Result<HostRuleText> parse_host_rule(std::string_view text);
std::string format_host_rule(const HostRuleText& rule);

// Whether a rule may set the key.
bool is_for_hosts(std::string_view key);

// What the rule gives its hosts that an RFC forbids, as Option::breach says it.
std::vector<std::string> breaches(const HostRuleText& rule, const Settings& settings);
// Makes the policy's rules from the settings'. To be called whenever either has changed.
void resolve_host_rules(Settings& settings);

}  // namespace nat
