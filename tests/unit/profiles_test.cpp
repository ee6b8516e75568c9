// Which ports a profile has, held against sets of ports that are filled one by one.
#include "translation/policy/profiles.h"

#include <gtest/gtest.h>

#include "translation/base/random.h"

namespace nat::test {
namespace {

PortSet set_of(const std::vector<PortRange>& ranges) {
  PortSet set;
  for (const PortRange& range : ranges) {
    for (std::size_t port = range.first; port <= range.last; ++port) set.set(port);
  }
  set.reset(0);
  return set;
}

PortSet between(std::uint16_t first, std::uint16_t last) { return set_of({{first, last}}); }

// Neighbours and overlaps among them, and the ends of the whole range.
std::vector<PortRange> random_ranges(SeededRandom& random) {
  std::vector<PortRange> ranges(random.below(4));
  for (PortRange& range : ranges) {
    const std::uint32_t around = random.below(3) * 1024 + (random.below(8) == 0 ? 63485 : 0);
    const std::uint32_t first = around + random.below(8);
    range = {static_cast<std::uint16_t>(std::min(first, 65535U)),
             static_cast<std::uint16_t>(std::min(first + random.below(3) * random.below(600), 65535U))};
  }
  return ranges;
}

void expect_rules(const PortRules& rules, const PortSet& ports, const PortSet& reserved) {
  PortSet system = ports & between(1, 1023);
  PortSet user = ports & between(1024, 65535);
  EXPECT_EQ(set_of(rules.identifiers), ports);
  if ((system & ~reserved).none()) {
    EXPECT_EQ(set_of(rules.system), user);
  } else {
    EXPECT_EQ(set_of(rules.system), system);
    if ((user & ~reserved).none()) user = system;
  }
  EXPECT_EQ(set_of(rules.user), user);
}

// Rows: U3a
TEST(Profiles, HaveThePortsOfTheirRanges) {
  SeededRandom random(7);
  for (int round = 0; round < 300; ++round) {
    Policy policy;
    policy.ports.ranges = random_ranges(random);
    policy.reserved_ports = set_of(random_ranges(random));
    policy.host_rules.resize(random.below(3));
    PortSet general = set_of(policy.ports.ranges);
    PortSet all;
    for (HostRule& rule : policy.host_rules) {
      rule.own_ports = random.below(3) > 0;
      rule.profile.ports.ranges = random_ranges(random);
      if (!rule.own_ports) continue;
      all |= set_of(rule.profile.ports.ranges);
      general &= ~set_of(rule.profile.ports.ranges);
    }
    Profiles profiles;
    profiles.configure(policy);
    expect_rules(profiles.ports(Profiles::kGeneral), general, policy.reserved_ports);
    for (std::size_t i = 0; i < policy.host_rules.size(); ++i) {
      const HostRule& rule = policy.host_rules[i];
      expect_rules(profiles.ports(static_cast<std::uint8_t>(i + 1)),
                   rule.own_ports ? set_of(rule.profile.ports.ranges) : general, policy.reserved_ports);
    }
    const auto ranges = profiles.all_ranges();
    EXPECT_EQ(set_of(ranges), all | general);
    for (std::size_t i = 1; i < ranges.size(); ++i) {
      EXPECT_GT(ranges[i].first, ranges[i - 1].last + 1) << "sorted, and apart";
    }
    if (HasFailure()) FAIL() << "round " << round;
  }
}

}  // namespace
}  // namespace nat::test
