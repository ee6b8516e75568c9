// The part of the rig that chooses policies: the one that a run begins with, and those that follow.
#include "tests/model/rig.h"

namespace nat::test {
namespace {

// Ports of the gateway: at the beginning, between the ports of the block of our first host, and between extra
// blocks.
constexpr PortRange kReserved[] = {{1024, 1027}, {65506, 65513}, {65526, 65529}};

// Four ports for each of very many subscribers. Of our hosts two are the last on the first address, one is
// the first on the second, and one is none.
BlockPolicy few_ports_each() {
  BlockPolicy blocks;
  blocks.dynamic = 3;
  blocks.extra_size = 2;
  blocks.extra_per_host = 2;
  constexpr std::uint32_t kOnOneAddress = (64512 - 16) / 4 - 3;
  for (std::uint32_t other = 2; other < kOnOneAddress; ++other) {
    blocks.subscribers.push_back(Address(Address(9, 0, 0, 0).value() + other));
  }
  for (std::uint8_t host = 1; host <= 3; ++host) blocks.subscribers.push_back(Address(10, 0, 0, host));
  for (std::uint32_t other = 1; other < kOnOneAddress; ++other) {
    blocks.subscribers.push_back(Address(Address(11, 0, 0, 0).value() + other));
  }
  return blocks;
}

// Where our hosts are, and a router inside.
const std::vector<Prefix> kInternalNetworks{Prefix(Address(10, 0, 0, 0), 29),
                                            Prefix(Address(10, 0, 0, 96), 28)};
// The last of our hosts is in none of these.
const std::vector<Prefix> kFewerNetworks{Prefix(Address(10, 0, 0, 2), 31), Prefix(Address(10, 0, 0, 0), 30)};

}  // namespace

Policy Rig::first_policy(std::uint64_t seed) const {
  Policy policy = plain_policy();
  policy.external_addresses = {kPool[0], kPool[1]};
  policy.internal_networks = kInternalNetworks;
  // For a whole run: what spilled over stays where it is when pairing hardens.
  policy.soft_pairing = seed % 5 == 0;
  policy.limits.icmp_rate = policy.limits.icmp_burst = 1000000;
  if (profile_.blocks) {
    policy.soft_pairing = seed % 2 == 0;
    policy.ports.rest = seconds(50);
    policy.blocks = few_ports_each();
    for (const PortRange range : kReserved) {
      for (std::size_t port = range.first; port <= range.last; ++port) policy.reserved_ports.set(port);
    }
  } else if (profile_.scarce) {
    if (!policy.soft_pairing) policy.external_addresses = {kPool[0]};
    policy.ports.ranges = {{600, 605}, {2000, 2039}};
    policy.ports.rest = seconds(50);
  }
  return policy;
}

Policy Rig::other_policy() {
  Policy policy = naive_.policy();
  for (const Protocol protocol : kProtocols) {
    if (chance(50)) policy.of(protocol).mapping = static_cast<Behavior>(below(3));
    if (chance(50)) policy.of(protocol).filtering = static_cast<Behavior>(below(3));
  }
  policy.internal_networks = chance(10)   ? std::vector<Prefix>{}
                             : chance(10) ? kFewerNetworks
                                          : kInternalNetworks;
  policy.hairpin = chance(80);
  policy.hairpin_filter = chance(30);
  policy.address_options = chance(50) ? AddressOptions::refuse : AddressOptions::blank;
  policy.strict_quotes = chance(30);
  policy.ports.preserve = chance(80);
  policy.ports.preserve_parity = chance(30);
  policy.ports.spill = chance(70);
  policy.ports.allocation = chance(15) ? Allocation::sequential : Allocation::random;
  // The engine forgets held SYNs when it clears away, which a run that is late does late.
  policy.unsolicited_syn =
      profile_.exact && chance(40) ? UnsolicitedSyn::icmp_delayed : UnsolicitedSyn::silent;
  policy.limits.icmp_rate = chance(80) ? policy.limits.icmp_burst : 0;
  policy.timeouts.udp_inbound_refresh = chance(30);
  policy.timeouts.udp = seconds(chance(50) ? 120 : 300);
  policy.timeouts.tcp_established = seconds(chance(30) ? 600 : 7440);
  policy.timeouts.tcp_opening = seconds(chance(30) ? 60 : 240);
  policy.exempt.clear();
  if (chance(10)) policy.exempt.push_back({Prefix(Address(192, 0, 2, 33), 32)});
  if (chance(10)) policy.exempt.push_back({Prefix(Address(192, 0, 2, 32), 31), {7001, 7001}});
  policy.timeouts.fragment_wait = seconds(chance(50) ? 2 : 10);
  policy.timeouts.fragment_lifetime = seconds(chance(50) ? 5 : 30);
  if (profile_.scarce) {
    // A few tight limits at a time, so that each of them is met.
    const auto limit = [&](std::uint32_t least, std::uint32_t spread) {
      return chance(30) ? least + below(spread) : 10000;
    };
    policy.limits.mappings = limit(8, 20);
    policy.limits.hosts = limit(2, 2);
    policy.limits.mappings_per_host = limit(3, 8);
    policy.limits.sessions_per_host = limit(5, 10);
    policy.limits.sessions = limit(10, 30);
    policy.limits.sessions_per_mapping = limit(2, 6);
    policy.limits.mapping_rate_per_host = chance(20) ? 1 + below(5) : 0;
    policy.limits.fragments = limit(1, 12);
    policy.limits.held_fragments = limit(1, 8);
    policy.limits.fragment_bytes = limit(200, 3000);
    if (profile_.blocks && chance(20)) {
      policy.external_addresses.assign(std::begin(kPool), std::end(kPool));
      if (chance(30)) std::swap(policy.external_addresses[0], policy.external_addresses[1]);
      if (chance(30)) policy.external_addresses.pop_back();
    }
  } else {
    policy.external_addresses.clear();
    for (const Address address : kPool) {
      if (chance(80)) policy.external_addresses.push_back(address);
    }
  }
  misbehave(policy);
  policy.host_rules.clear();
  for (std::uint32_t rules = chance(40) ? 1 + below(3) : 0; rules > 0; --rules) {
    policy.host_rules.push_back(random_rule(policy));
  }
  return policy;
}

void Rig::misbehave(Policy& policy) {
  Misbehavior& misbehavior = policy.misbehavior;
  misbehavior = {};
  misbehavior.syn_answer = static_cast<SynAnswer>(chance(20) ? below(3) : 0);
  misbehavior.no_outbound_refresh = chance(10);
  misbehavior.filter_ends_mapping = chance(10);
  misbehavior.payload_rewriting = chance(10);
  misbehavior.hairpin_internal_source = chance(10);
  // Whose a shared port is depends on whether the engine has cleared an older mapping away.
  misbehavior.port_overloading = profile_.exact && chance(15);
  if (chance(90)) return;
  misbehavior.mapping_loss = chance(30) ? 1000 : 200;
  // What a lost mapping leaves is cleared away behind the packet, and counts until then.
  policy.limits.sessions = policy.limits.sessions_per_host = 10000;
}

// Behaviours, times, limits and sometimes ports for some hosts, ports or remotes.
HostRule Rig::random_rule(const Policy& general) {
  HostRule rule;
  rule.internal = Prefix(Address(10, 0, 0, static_cast<std::uint8_t>(below(5))), chance(50) ? 32 : 30);
  if (chance(50)) rule.protocol = kProtocols[below(3)];
  if (chance(30)) rule.internal_ports = {2000, 2001};
  if (chance(30)) rule.remote_ports = {7000, 7001};
  rule.deny = chance(10);
  rule.profile = general;
  for (const Protocol protocol : kProtocols) {
    rule.profile.of(protocol) = {static_cast<Behavior>(below(3)), static_cast<Behavior>(below(3))};
  }
  rule.profile.timeouts.udp = seconds(120 + 60 * below(5));
  rule.profile.timeouts.icmp = seconds(60 + 30 * below(3));
  rule.profile.timeouts.tcp_opening = seconds(30 + 60 * below(3));
  rule.profile.timeouts.udp_inbound_refresh = chance(50);
  rule.profile.ports.spill = chance(50);
  if (chance(30)) rule.profile.ports.rest = seconds(10 + 50 * below(3));
  if (profile_.scarce && chance(50)) {
    rule.profile.limits.mappings_per_host = 2 + below(6);
    if (general.misbehavior.mapping_loss == 0) rule.profile.limits.sessions_per_host = 4 + below(8);
    rule.profile.limits.mapping_rate_per_host = below(4);
    rule.profile.limits.udp_mappings_per_host = below(4);
  }
  if (!profile_.blocks && chance(40)) {
    const auto first = static_cast<std::uint16_t>(1998 + below(8));
    rule.profile.ports.ranges = {{first, static_cast<std::uint16_t>(first + 1 + below(4))}};
    rule.profile.ports.preserve = chance(50);
    rule.own_ports = true;
  }
  return rule;
}

void Rig::change_policy() {
  const Policy policy = other_policy();
  doing_ = "change the policy";
  // The engine ends what has run out when it is asked, and a forward may need that port.
  gateway_.sweep();
  std::vector<PortForward> forwards;
  if (chance(30)) forwards.push_back({Protocol::tcp, {Address(), 8443}, {Address(10, 0, 0, 1), 2000}, "web"});
  if (chance(30)) forwards.push_back({Protocol::udp, {kPool[0], 2001}, {Address(10, 0, 0, 2), 2001}, "game"});
  gateway_.apply(policy);
  // Mappings whose address is gone count against limits.mappings until the engine has come to them.
  gateway_.sweep();
  gateway_.set_forwards(forwards);
  naive_.apply(policy, forwards, gateway_.now());
}

}  // namespace nat::test
