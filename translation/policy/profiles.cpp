#include "translation/policy/profiles.h"

#include <algorithm>

namespace nat {
namespace {

constexpr PortRange kSystemPorts{1, kFirstUserPort - 1};
constexpr PortRange kUserPorts{kFirstUserPort, 65535};
constexpr PortRange kIdentifiers{1, 65535};

// Sorted; what overlaps or touches is one range.
std::vector<PortRange> united(std::vector<PortRange> ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const PortRange& a, const PortRange& b) { return a.first < b.first; });
  std::vector<PortRange> result;
  for (const PortRange& range : ranges) {
    if (range.last < range.first) continue;
    if (!result.empty() && range.first <= result.back().last + 1U) {
      result.back().last = std::max(result.back().last, range.last);
    } else {
      result.push_back(range);
    }
  }
  return result;
}

// Of united ranges, what lies within `bounds`.
std::vector<PortRange> within(const std::vector<PortRange>& ranges, PortRange bounds) {
  std::vector<PortRange> result;
  for (const PortRange& range : ranges) {
    const PortRange common{std::max(range.first, bounds.first), std::min(range.last, bounds.last)};
    if (common.first <= common.last) result.push_back(common);
  }
  return result;
}

// Of united ranges, what lies outside of `others`, which are united as well.
std::vector<PortRange> without(std::vector<PortRange> ranges, const std::vector<PortRange>& others) {
  for (const PortRange& other : others) {
    std::vector<PortRange> result;
    if (other.first > 0) result = within(ranges, {0, static_cast<std::uint16_t>(other.first - 1)});
    if (other.last < 65535) {
      for (const PortRange& above : within(ranges, {static_cast<std::uint16_t>(other.last + 1), 65535})) {
        result.push_back(above);
      }
    }
    ranges = std::move(result);
  }
  return ranges;
}

bool has_others(const std::vector<PortRange>& ranges, const PortSet& reserved) {
  for (const PortRange& range : ranges) {
    for (std::size_t port = range.first; port <= range.last; ++port) {
      if (!reserved[port]) return true;
    }
  }
  return false;
}

// Of united ranges.
PortRules rules_of(const std::vector<PortRange>& ranges, const PortSet& reserved) {
  PortRules rules{within(ranges, kSystemPorts), within(ranges, kUserPorts), within(ranges, kIdentifiers)};
  const bool system = has_others(rules.system, reserved);
  const bool user = has_others(rules.user, reserved);
  if (!system) rules.system = rules.user;
  if (!user && system) rules.user = rules.system;
  return rules;
}

}  // namespace

const std::vector<PortRange>& PortRules::of(Protocol protocol, std::uint16_t internal_port) const {
  if (protocol == Protocol::icmp) return identifiers;
  return internal_port < kFirstUserPort ? system : user;
}

const std::vector<PortRange>& PortRules::of_other_class(Protocol protocol,
                                                        std::uint16_t internal_port) const {
  static const std::vector<PortRange> none;
  if (protocol == Protocol::icmp) return none;
  return internal_port < kFirstUserPort ? user : system;
}

void Profiles::configure(const Policy& policy) {
  rules_ = policy.host_rules;
  if (rules_.size() > kMostHostRules) rules_.resize(kMostHostRules);
  std::vector<PortRange> set_aside;
  for (const HostRule& rule : rules_) {
    const auto& own = rule.profile.ports.ranges;
    if (rule.own_ports) set_aside.insert(set_aside.end(), own.begin(), own.end());
  }
  const auto general = without(united(policy.ports.ranges), united(set_aside));
  profiles_.assign(1, policy);
  ports_.assign(1, rules_of(general, policy.reserved_ports));
  for (const HostRule& rule : rules_) {
    profiles_.push_back(rule.profile);
    ports_.push_back(rule.own_ports ? rules_of(united(rule.profile.ports.ranges), policy.reserved_ports)
                                    : ports_.front());
  }
}

std::vector<PortRange> Profiles::all_ranges() const {
  std::vector<PortRange> all;
  for (const PortRules& rules : ports_) {
    all.insert(all.end(), rules.identifiers.begin(), rules.identifiers.end());
  }
  return united(std::move(all));
}

std::uint8_t Profiles::search(Protocol protocol, Endpoint internal, std::uint16_t remote_port) const {
  const auto rule = std::find_if(rules_.begin(), rules_.end(), [&](const HostRule& candidate) {
    return candidate.fits(protocol, internal, remote_port);
  });
  return rule == rules_.end() ? kGeneral : static_cast<std::uint8_t>(rule - rules_.begin() + 1);
}

}  // namespace nat
