#include "translation/profiles.h"

#include <algorithm>

namespace nat {
namespace {

constexpr std::uint16_t kFirstUserPort = 1024;
constexpr PortRange kSystemPorts{1, kFirstUserPort - 1};
constexpr PortRange kUserPorts{kFirstUserPort, 65535};
constexpr PortRange kIdentifiers{1, 65535};

void insert(PortSet& set, const std::vector<PortRange>& ranges) {
  for (const PortRange& range : ranges) {
    for (std::size_t port = range.first; port <= range.last; ++port) set.set(port);
  }
}

// The ports of the set that lie within `bounds`, as ranges.
std::vector<PortRange> ranges_of(const PortSet& set, PortRange bounds) {
  std::vector<PortRange> ranges;
  for (std::uint32_t port = bounds.first; port <= bounds.last; ++port) {
    if (!set[port]) continue;
    const auto number = static_cast<std::uint16_t>(port);
    if (!ranges.empty() && ranges.back().last + 1U == port) {
      ranges.back().last = number;
    } else {
      ranges.push_back({number, number});
    }
  }
  return ranges;
}

PortRules rules_of(const PortSet& ports, const PortSet& reserved) {
  PortRules rules{ranges_of(ports, kSystemPorts), ranges_of(ports, kUserPorts),
                  ranges_of(ports, kIdentifiers)};
  const PortSet usable = ports & ~reserved;
  const bool system = !ranges_of(usable, kSystemPorts).empty();
  const bool user = !ranges_of(usable, kUserPorts).empty();
  if (!system) rules.system = rules.user;
  if (!user && system) rules.user = rules.system;
  return rules;
}

}  // namespace

const std::vector<PortRange>& PortRules::of(Protocol protocol, std::uint16_t internal_port) const {
  if (protocol == Protocol::icmp) return identifiers;
  return internal_port < kFirstUserPort ? system : user;
}

void Profiles::configure(const Policy& policy) {
  rules_ = policy.host_rules;
  if (rules_.size() > kMostHostRules) rules_.resize(kMostHostRules);
  PortSet general, set_aside;
  insert(general, policy.ports.ranges);
  for (const HostRule& rule : rules_) {
    if (rule.own_ports) insert(set_aside, rule.profile.ports.ranges);
  }
  general &= ~set_aside;
  profiles_.assign(1, policy);
  ports_.assign(1, rules_of(general, policy.reserved_ports));
  for (const HostRule& rule : rules_) {
    profiles_.push_back(rule.profile);
    PortSet own;
    if (rule.own_ports) insert(own, rule.profile.ports.ranges);
    ports_.push_back(rule.own_ports ? rules_of(own, policy.reserved_ports) : ports_.front());
  }
}

std::vector<PortRange> Profiles::all_ranges() const {
  PortSet all;
  for (const PortRules& rules : ports_) insert(all, rules.identifiers);
  return ranges_of(all, kIdentifiers);
}

std::uint8_t Profiles::search(Protocol protocol, Endpoint internal, std::uint16_t remote_port) const {
  const auto rule = std::find_if(rules_.begin(), rules_.end(), [&](const HostRule& candidate) {
    return candidate.fits(protocol, internal, remote_port);
  });
  return rule == rules_.end() ? kGeneral : static_cast<std::uint8_t>(rule - rules_.begin() + 1);
}

}  // namespace nat
