#include "tests/natcheck/stun/findings.h"

#include <algorithm>
#include <map>

namespace nat::check::stun {
namespace {

constexpr int kNear = 4;  // ports that others may have taken in between

// The verdict of most; the first such if there are several.
std::optional<Behavior> most(const std::vector<Behavior>& verdicts) {
  std::optional<Behavior> found;
  std::map<Behavior, std::size_t> votes;
  for (const Behavior verdict : verdicts) ++votes[verdict];
  for (const auto& [verdict, count] : votes) {
    if (!found || count > votes[*found]) found = verdict;
  }
  return found;
}

template <typename Range>
std::vector<Behavior> verdicts(const Range& range,
                               std::optional<Behavior> (*verdict)(const typename Range::value_type&)) {
  std::vector<Behavior> found;
  for (const auto& one : range) {
    if (const auto behavior = verdict(one)) found.push_back(*behavior);
  }
  return found;
}

}  // namespace

std::optional<Behavior> mapping(const Seen& seen) {
  return mapping_of(seen.primary, seen.other_address, seen.other_both);
}

std::optional<Behavior> filtering(const Let& let) {
  if (!let.primary || !let.other_both) return std::nullopt;
  if (*let.other_both) return Behavior::endpoint_independent;
  if (!let.other_port) return std::nullopt;
  return *let.other_port ? Behavior::address_dependent : Behavior::address_and_port_dependent;
}

bool reached(const Findings& findings) {
  return std::any_of(findings.seen.begin(), findings.seen.end(),
                     [](const Seen& seen) { return seen.primary.has_value(); });
}

std::optional<bool> translated(const Findings& findings) {
  for (const Seen& seen : findings.seen) {
    if (seen.primary) return *seen.primary != seen.local;
  }
  return std::nullopt;
}

std::optional<Behavior> mapping(const Findings& findings) {
  return most(verdicts<std::vector<Seen>>(findings.seen, mapping));
}

std::optional<Behavior> filtering(const Findings& findings) {
  return most(verdicts<std::vector<Let>>(findings.let, filtering));
}

std::optional<bool> steady_mapping(const Findings& findings) {
  const auto all = verdicts<std::vector<Seen>>(findings.seen, mapping);
  if (all.size() < 2) return std::nullopt;
  return std::all_of(all.begin(), all.end(), [&](Behavior one) { return one == all.front(); });
}

std::optional<bool> steady_filtering(const Findings& findings) {
  const auto all = verdicts<std::vector<Let>>(findings.let, filtering);
  if (all.size() < 2) return std::nullopt;
  return std::none_of(all.begin(), all.end(), [usual = *most(all)](Behavior one) { return one < usual; });
}

std::optional<bool> predictable(const Findings& findings) {
  const auto& all = findings.allocations;
  if (all.size() < 4) return std::nullopt;
  std::size_t up = 0, down = 0;
  for (std::size_t i = 1; i < all.size(); ++i) {
    const int local = all[i].local - all[i - 1].local, external = all[i].external - all[i - 1].external;
    if (external == local) continue;  // kept, or moved by a constant
    if (external > 0 && external <= kNear) ++up;
    if (external < 0 && -external <= kNear) ++down;
  }
  return 2 * std::max(up, down) > all.size() - 1;
}

bool loses_mappings(const Endurance& endurance, const std::optional<Lifetime>& lifetime) {
  if (endurance.losses == 0) return false;
  return !lifetime || !lifetime->dead || endurance.pause < lifetime->alive;
}

}  // namespace nat::check::stun
