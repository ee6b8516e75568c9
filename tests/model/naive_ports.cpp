// The part of the naive NAT that knows which external endpoints a new mapping may get.
#include <algorithm>

#include "tests/model/naive_nat.h"

namespace nat::test {
namespace {

bool within(const std::vector<PortRange>& ranges, std::uint16_t port) {
  return std::any_of(ranges.begin(), ranges.end(), [&](PortRange range) { return range.contains(port); });
}

}  // namespace

// Whether any host may get it.
bool NaiveNat::eligible(Protocol protocol, std::uint16_t port) const {
  if (port == 0) return false;
  if (blocks_on()) return port >= 1024 && !policy_.reserved_ports[port];
  if (protocol != Protocol::icmp && policy_.reserved_ports[port]) return false;
  return within(policy_.ports.ranges, port) ||
         std::any_of(policy_.host_rules.begin(), policy_.host_rules.end(), [&](const HostRule& rule) {
           return rule.own_ports && within(rule.profile.ports.ranges, port);
         });
}

void NaiveNat::count_ports() {
  divided_ports_.clear();
  for (std::uint32_t port = 1024; port < 65536; ++port) {
    if (!policy_.reserved_ports[port]) divided_ports_.push_back(static_cast<std::uint16_t>(port));
  }
  for (const Protocol protocol : kProtocols) {
    port_count_[protocol] = 0;
    for (std::uint32_t port = 1; port < 65536; ++port) {
      port_count_[protocol] += eligible(protocol, static_cast<std::uint16_t>(port)) ? 1 : 0;
    }
  }
}

bool NaiveNat::offered(const Words& packet, Endpoint external) const {
  const std::uint16_t port = external.port;
  if (!eligible(packet.protocol, port)) return false;
  if (blocks_on()) return within(blocks_of(packet.source.address, external.address), port);
  const HostRule* rule = rule_for(packet.protocol, packet.source, packet.destination.port);
  if (rule != nullptr && rule->own_ports) return within(rule->profile.ports.ranges, port);
  return within(policy_.ports.ranges, port) &&
         std::none_of(policy_.host_rules.begin(), policy_.host_rules.end(), [&](const HostRule& other) {
           return other.own_ports && within(other.profile.ports.ranges, port);
         });
}

std::vector<PortRange> NaiveNat::ranges_for(const Words& packet, Address external) const {
  if (blocks_on()) return blocks_of(packet.source.address, external);
  const HostRule* rule = rule_for(packet.protocol, packet.source, packet.destination.port);
  return rule != nullptr && rule->own_ports ? rule->profile.ports.ranges : policy_.ports.ranges;
}

// RFC 4787 REQ-3a for TCP and UDP: ports of one class, unless the ranges leave that out.
bool NaiveNat::in_class(const Words& packet, Endpoint external) const {
  const bool low = packet.source.port < 1024;
  if (packet.protocol == Protocol::icmp || low == (external.port < 1024)) return true;
  for (const PortRange range : ranges_for(packet, external.address)) {
    for (std::uint32_t number = range.first; number <= range.last; ++number) {
      const auto port = static_cast<std::uint16_t>(number);
      if (low == (port < 1024) && offered(packet, {external.address, port})) return false;
    }
  }
  return true;
}

// RFC 4787 REQ-3a is a SHOULD: when no port of the class is free there, the other class may serve.
bool NaiveNat::spills_over(const Words& packet, Address external) const {
  if (!profile_of(packet).ports.spill || blocks_on()) return false;
  for (const PortRange range : ranges_for(packet, external)) {
    for (std::uint32_t number = range.first; number <= range.last; ++number) {
      const Endpoint own{external, static_cast<std::uint16_t>(number)};
      if (in_class(packet, own) && offered(packet, own) && free(packet.protocol, own, {}) == Free::yes) {
        return false;
      }
    }
  }
  return true;
}

bool NaiveNat::any_port(const Words& packet, Address external,
                        const std::function<bool(std::uint16_t)>& wanted) const {
  for (const PortRange range : ranges_for(packet, external)) {
    for (std::uint32_t number = range.first; number <= range.last; ++number) {
      const auto port = static_cast<std::uint16_t>(number);
      if (wanted(port) && may_have(packet, {external, port})) return true;
    }
  }
  return false;
}

NaiveNat::Free NaiveNat::free(Protocol protocol, Endpoint external, Endpoint owner) const {
  if (mapping_at(protocol, external) != nullptr || !eligible(protocol, external.port)) return Free::no;
  if (sockets.contains({protocol, external.port})) return Free::no;
  const auto rest = quarantined_.find({protocol, external});
  if (rest == quarantined_.end()) return Free::yes;
  if (!rest->second.certain) return Free::perhaps;
  return rest->second.owner == owner ? Free::yes : Free::no;
}

bool NaiveNat::surely_a_port(const Words& packet) const {
  std::vector<Address> addresses = policy_.external_addresses;
  const auto room_on = [&](Address address) { return surely_a_port(packet, address); };
  if (policy_.soft_pairing) return std::any_of(addresses.begin(), addresses.end(), room_on);
  for (const Mapping& mapping : mappings_) {
    if (mapping.internal.address == packet.source.address && mapping.origin == Origin::dynamic) {
      addresses = {mapping.external.address};
    }
  }
  // Which of several addresses the host would have got is not known: all must have room.
  return std::all_of(addresses.begin(), addresses.end(), room_on);
}

bool NaiveNat::surely_a_port(const Words& packet, Address external) const {
  const auto surely_free = [&](std::uint16_t port) {
    return free(packet.protocol, {external, port}, {}) == Free::yes;
  };
  if (any_port(packet, external, surely_free)) return true;
  if (!blocks_on()) return false;
  for (const std::size_t number : blocks_to_grow(packet.source.address, external)) {
    const PortRange block = extra_block(number);
    for (std::uint32_t port = block.first; port <= block.last; ++port) {
      if (surely_free(static_cast<std::uint16_t>(port))) return true;
    }
  }
  return false;
}

// --- What was chosen.

void NaiveNat::check_choice(const Words& packet, Endpoint chosen) {
  if (!is_external(chosen.address)) complain(packet, "got an address outside of the pool");
  for (const Mapping& mapping : mappings_) {
    if (mapping.internal.address == packet.source.address && mapping.origin == Origin::dynamic &&
        mapping.external.address != chosen.address && !policy_.soft_pairing) {
      complain(packet, "got another external address than the host's other mappings");
    }
  }
  const Endpoint kept{chosen.address, packet.source.port};
  const bool shares = may_share(packet, kept);
  if (shares && exact_ && chosen != kept) complain(packet, "did not share a port");
  if (chosen == kept && mapping_at(packet.protocol, kept) != nullptr) {
    if (!shares) complain(packet, "shares a port");
    return;
  }
  if (blocks_on() && !offered(packet, chosen)) grow(packet, chosen);
  if (!may_have(packet, chosen)) complain(packet, "got a port of other hosts, or of the other class");
  const PortPolicy& wish = profile_of(packet).ports;
  const bool preserves = wish.preserve && wish.allocation == Allocation::random && !blocks_on();
  if (chosen == kept && preserves) {
    if (free(packet.protocol, chosen, packet.source) == Free::no) {
      complain(packet, "kept a port that was not free");
    }
    return;
  }
  if (free(packet.protocol, chosen, {}) == Free::no) complain(packet, "got a port that was not free");
  if (preserves && free(packet.protocol, kept, packet.source) == Free::yes && may_have(packet, kept)) {
    complain(packet, "lost its port though that was free");
  }
  if (wish.allocation == Allocation::sequential) {
    check_order(packet, chosen);
  } else if (wish.preserve_parity && (chosen.port - kept.port) % 2 != 0) {
    const bool other = any_port(packet, chosen.address, [&](std::uint16_t port) {
      return (port - kept.port) % 2 == 0 && free(packet.protocol, {chosen.address, port}, {}) == Free::yes &&
             in_class(packet, {chosen.address, port}) == in_class(packet, chosen);
    });
    if (other) complain(packet, "got a port of the other parity");
  }
}

// The next free one after the last that was given away so, around the end.
void NaiveNat::check_order(const Words& packet, Endpoint chosen) {
  const auto last = last_in_order_.find({packet.protocol, chosen.address});
  if (last != last_in_order_.end()) {
    Endpoint skipped{chosen.address, static_cast<std::uint16_t>(last->second + 1)};
    for (; skipped.port != chosen.port; ++skipped.port) {
      if (free(packet.protocol, skipped, {}) != Free::yes || !may_have(packet, skipped)) continue;
      if (in_class(packet, skipped) != in_class(packet, chosen)) continue;
      complain(packet,
               "got " + std::to_string(chosen.port) + " in order, and not " + std::to_string(skipped.port));
    }
  }
  // Where it was tried before is not known.
  if (policy_.soft_pairing) last_in_order_.clear();
  last_in_order_[{packet.protocol, chosen.address}] = chosen.port;
}

// Under port overloading: another's port, as long as it is not already in use with that remote.
bool NaiveNat::may_share(const Words& packet, Endpoint external) const {
  if (!policy_.misbehavior.port_overloading || !profile_of(packet).ports.preserve) return false;
  const Mapping* const owner = mapping_at(packet.protocol, external);
  if (owner == nullptr || owner->origin == Origin::configured) return false;
  return std::none_of(mappings_.begin(), mappings_.end(), [&](const Mapping& other) {
    return other.protocol == packet.protocol && other.external == external &&
           other.sessions.contains(packet.destination);
  });
}

void NaiveNat::complain(const Words& packet, const std::string& what) {
  complaints.push_back(std::string(to_string(packet.protocol)) + " " + packet.source.to_string() + " " +
                       what);
}

// --- Ports in quarantine.

void NaiveNat::rest(PortKey key, Endpoint owner, Duration how_long) {
  quarantined_[key] = {owner, now_ + how_long, exact_};
  // At most a quarter of the ports are in quarantine; those whose quarantine ends first go first. Of several
  // that end together it is not known which.
  const auto same_pool = [&](const PortKey& other) {
    return other.first == key.first && other.second.address == key.second.address;
  };
  const auto certain = [&] {
    return std::count_if(quarantined_.begin(), quarantined_.end(),
                         [&](const auto& entry) { return same_pool(entry.first) && entry.second.certain; });
  };
  while (static_cast<std::size_t>(certain()) > port_count_[key.first] / 4) {
    TimePoint first = kNever;
    for (const auto& [other, rest] : quarantined_) {
      if (same_pool(other) && rest.certain) first = std::min(first, rest.until);
    }
    for (auto& [other, rest] : quarantined_) {
      if (same_pool(other) && rest.until == first) rest.certain = false;
    }
  }
  // Neither is it known in which order those that end together came into quarantine.
  Rest& own = quarantined_[key];
  own.certain = own.certain && std::none_of(quarantined_.begin(), quarantined_.end(), [&](const auto& entry) {
                  return same_pool(entry.first) && entry.second.until == own.until && !entry.second.certain;
                });
}

// --- Port blocks (RFC 7422 section 2). The ports from 1024 on that are not the gateway's are divided by the
// subscribers of an address, and a few imagined ones; what those have is given out in small blocks.

NaiveNat::Division NaiveNat::division() const {
  Division division;
  if (!blocks_on()) return division;
  const std::size_t addresses = policy_.external_addresses.size();
  division.per_address = (policy_.blocks.subscribers.size() + addresses - 1) / addresses;
  division.share = divided_ports_.size() / (division.per_address + policy_.blocks.dynamic);
  division.first_extra = division.per_address * division.share;
  division.extras = (divided_ports_.size() - division.first_extra) / policy_.blocks.extra_size;
  return division;
}

PortRange NaiveNat::extra_block(std::size_t number) const {
  const std::size_t first = division().first_extra + number * policy_.blocks.extra_size;
  return {divided_ports_[first], divided_ports_[first + policy_.blocks.extra_size - 1U]};
}

std::vector<PortRange> NaiveNat::blocks_of(Address host, Address external) const {
  std::vector<PortRange> blocks;
  const auto& hosts = policy_.blocks.subscribers;
  const auto at = std::lower_bound(hosts.begin(), hosts.end(), host);
  if (at != hosts.end() && *at == host) {
    const auto number = static_cast<std::size_t>(at - hosts.begin());
    const auto [per_address, share, first_extra, extras] = division();
    const std::size_t first = number % per_address * share;
    if (policy_.external_addresses[number / per_address] == external) {
      blocks.push_back({divided_ports_[first], divided_ports_[first + share - 1]});
    }
  }
  for (const auto& [place, holder] : extra_holders_) {
    if (holder == host && place.first == external) blocks.push_back(extra_block(place.second));
  }
  return blocks;
}

// The numbers of those that the host may be given.
std::vector<std::size_t> NaiveNat::blocks_to_grow(Address host, Address external) const {
  std::vector<std::size_t> numbers;
  const auto held = std::count_if(extra_holders_.begin(), extra_holders_.end(),
                                  [&](const auto& entry) { return entry.second == host; });
  if (held >= policy_.blocks.extra_per_host) return numbers;
  for (std::size_t number = 0; number < division().extras; ++number) {
    if (!extra_holders_.contains({external, number})) numbers.push_back(number);
  }
  return numbers;
}

void NaiveNat::grow(const Words& packet, Endpoint chosen) {
  const auto left = [&](std::uint16_t port) {
    return free(packet.protocol, {chosen.address, port}, {}) == Free::yes;
  };
  if (any_port(packet, chosen.address, left)) complain(packet, "got a block though it had a port left");
  for (const std::size_t number : blocks_to_grow(packet.source.address, chosen.address)) {
    if (!extra_block(number).contains(chosen.port)) continue;
    extra_holders_[{chosen.address, number}] = packet.source.address;
    return;
  }
  complain(packet, "got a port of no block that it may have");
}

// After the addresses changed: extra blocks that are no longer the same come back, and a mapping whose port
// is in none of its host's blocks ends.
void NaiveNat::divide_anew(const Division& before) {
  const bool same = division() == before;
  std::erase_if(extra_holders_, [&](const auto& entry) { return !same || !is_external(entry.first.first); });
  if (!blocks_on()) return;
  std::vector<const Mapping*> strays;
  for (const Mapping& mapping : mappings_) {
    if (mapping.origin == Origin::configured || mapping.shares) continue;
    const auto blocks = blocks_of(mapping.internal.address, mapping.external.address);
    if (!within(blocks, mapping.external.port)) strays.push_back(&mapping);
  }
  for (const Mapping* mapping : strays) end(mapping);
}

std::vector<PortRange> NaiveNat::extra_blocks_of(Address host) const {
  std::vector<PortRange> blocks;
  for (const auto& [place, holder] : extra_holders_) {
    if (holder == host) blocks.push_back(extra_block(place.second));
  }
  return blocks;
}

}  // namespace nat::test
