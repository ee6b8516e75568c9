#include "translation/trace/remedy.h"

#include <algorithm>
#include <string_view>

namespace nat {
namespace {

constexpr std::string_view kCommand = "natctl set ";

enum class When { live, restart };

Remedy set_to(const std::string& key, const std::string& value, When when = When::live) {
  const std::string setting = key + "=" + value;
  if (when == When::live) return {std::string(kCommand) + setting, setting};
  return {key + " = " + value + " in natd.conf, and a restart of natd", setting};
}

// Enough for one more, and not just for one more.
Remedy more(const std::string& key, std::uint32_t now, std::uint32_t most, When when = When::live) {
  return set_to(key, std::to_string(std::min<std::uint64_t>(2 * std::uint64_t{now} + 1, most)), when);
}

// The rule that judged the packet; null when none did.
const HostRule* rule_of(const Refused& refused, const Policy& policy) {
  return refused.profile == 0 ? nullptr : &policy.host_rules[refused.profile - 1U];
}

std::string place_of(const Refused& refused) {
  return " in rule " + std::to_string(refused.profile) + " of hosts.rule";
}

Remedy none(const std::string& why) { return {"none: " + why, ""}; }

Remedy more_blocks(const PortRelief& relief, const Policy& policy) {
  constexpr std::uint32_t kMost = 64;
  const std::uint32_t now = policy.blocks.extra_per_host;
  if (relief.more_extra_blocks && now < kMost) {
    return more("blocks.extra-per-host", now, kMost, When::restart);
  }
  if (relief.soft_pairing) return set_to("pool.soft", "yes");
  return {"more extra blocks: blocks.dynamic in natd.conf, and a restart of natd", ""};
}

Remedy more_ports(const Refused& refused, const Policy& policy) {
  const PortRelief& relief = refused.relief;
  if (!policy.blocks.subscribers.empty()) return more_blocks(relief, policy);
  const HostRule* const rule = rule_of(refused, policy);
  const bool own_ports = rule != nullptr && rule->own_ports;
  if (relief.default_ranges && !own_ports) return set_to("ports.ranges", "512-65535");
  if (relief.spill) return set_to("ports.spill", "yes");
  if (relief.soft_pairing) return set_to("pool.soft", "yes");
  if (own_ports) return {"no ports.ranges" + place_of(refused), ""};
  const std::string soft = policy.soft_pairing ? "" : " and pool.soft = yes";
  return {"one more external address: pool.address = ADDRESS" + soft + " in natd.conf, and a restart of natd",
          ""};
}

Remedy more_fragments(const Refused& refused, const Limits& limits) {
  if (refused.limit == "limits.fragments") return more(refused.limit, limits.fragments, 65536);
  if (refused.limit == "limits.held-fragments") return more(refused.limit, limits.held_fragments, 262144);
  if (refused.limit == "limits.fragment-bytes")
    return more(refused.limit, std::max(limits.fragment_bytes, 65536U), 1U << 30);
  return none("a datagram in so many pieces is no honest one");
}

Remedy another_filter(const Refused& refused) {
  if (refused.hairpinned) return set_to("nat.hairpin-filter", "no");
  const bool address_is_enough = refused.reason == Reason::filtered_by_port && refused.contacted_address;
  Remedy remedy =
      set_to(std::string(to_string(refused.protocol)) + ".filtering",
             to_string(address_is_enough ? Behavior::address_dependent : Behavior::endpoint_independent));
  remedy.text += ", or a packet from the internal endpoint to this remote first";
  return remedy;
}

Remedy a_mapping(const Refused& refused) {
  if (refused.protocol == Protocol::icmp)
    return none("echo requests from outside are for the gateway itself");
  return {"natctl port-forward add " + std::string(to_string(refused.protocol)) + " " +
              refused.destination.to_string() + " HOST:PORT, or traffic from an internal host first",
          ""};
}

Remedy general_remedy(const Refused& refused, const Policy& policy, const Limits& hosts) {
  const Limits& limits = policy.limits;
  switch (refused.reason) {
    case Reason::filtered_by_address:
    case Reason::filtered_by_port:
      return another_filter(refused);
    case Reason::no_mapping:
    case Reason::unsolicited_syn:
      return a_mapping(refused);
    case Reason::tcp_no_session:
      return none("a connection begins with a SYN, and this one is unknown or was forgotten");
    case Reason::echo_no_session:
      return none("a reply needs a request, and nobody asked");
    case Reason::session_conflict:
      return {
          "natctl flush external " + refused.conflicting.to_string() + ", the mapping of the other session",
          ""};
    case Reason::hairpin_off:
      return set_to("nat.hairpin", "yes");
    case Reason::denied_by_rule:
      return {"no 'deny'" + place_of(refused), ""};
    case Reason::no_external_address:
      return {"an IPv4 address on the external interface", ""};
    case Reason::ports_exhausted:
      return more_ports(refused, policy);
    case Reason::mapping_limit:
      return more("limits.mappings", limits.mappings, 4194304, When::restart);
    case Reason::session_limit:
      return more("limits.sessions", limits.sessions, 16777216, When::restart);
    case Reason::host_limit:
      return more("limits.hosts", limits.hosts, 1048576, When::restart);
    case Reason::host_mapping_limit:
      if (!refused.limit.empty()) return set_to(refused.limit, "0");
      return more("limits.mappings-per-host", hosts.mappings_per_host, 4194304);
    case Reason::host_session_limit:
      return more("limits.sessions-per-host", hosts.sessions_per_host, 16777216);
    case Reason::mapping_session_limit:
      return more("limits.sessions-per-mapping", hosts.sessions_per_mapping, 16777216);
    case Reason::creation_rate:
      return set_to("limits.mapping-rate-per-host", "0");
    case Reason::fragment_timeout: {
      const auto wait = std::chrono::ceil<std::chrono::seconds>(2 * policy.timeouts.fragment_wait).count();
      return set_to("fragments.wait", std::to_string(std::min<std::int64_t>(wait, 60)) + "s");
    }
    case Reason::fragment_limit:
      return more_fragments(refused, limits);
    case Reason::fragment_of_refused:
      return none("it shares the fate of its datagram's first fragment; see what would let that pass");
    case Reason::icmp_no_session:
      return none("an ICMP error passes only about a packet of an open session");
    case Reason::icmp_quote_bad_checksum:
      return set_to("icmp.strict-quotes", "no");
    case Reason::icmp_quotes_internal:
      return none("an internal address is nothing for the external side");
    case Reason::address_option:
      return set_to("nat.address-options", to_string(AddressOptions::blank));
    case Reason::unsupported_protocol:
      return none("natd translates TCP, UDP and ICMP only");
    case Reason::icmp_unsupported:
      return none("natd translates echo messages and errors only");
    case Reason::spoofed_source:
      return none("the external addresses are natd's own, and nobody else may send from them");
    case Reason::foreign_source:
      return {
          "a network that holds the source, in interfaces.internal-networks, or a route to it by the "
          "internal "
          "interface where that is empty",
          ""};
    case Reason::ttl_expired:
      return none("its sender must give it a larger time to live");
    case Reason::malformed_ip:
    case Reason::malformed_transport:
    case Reason::invalid_source:
    case Reason::source_route:
    case Reason::icmp_bad_checksum:
    case Reason::icmp_quote_malformed:
    case Reason::icmp_fragmented:
    case Reason::fragment_tiny:
    case Reason::fragment_overlap:
      return none("no setting makes natd accept a packet like this");
    case Reason::translated:
    case Reason::hairpinned:
    case Reason::fragment_held:
    case Reason::not_ours:
    case Reason::gateway_traffic:
    case Reason::exempt:
      break;
  }
  return {};
}

}  // namespace

// What judged the packet is the rule's own word, or that for all hosts. A rule is changed as a whole, so
// there is no single setting for it.
Remedy remedy_for(const Refused& refused, const Policy& policy, const Profile& profile) {
  Remedy remedy = general_remedy(refused, policy, profile.limits);
  const HostRule* const rule = rule_of(refused, policy);
  if (rule == nullptr || !rule->sets(remedy.setting.substr(0, remedy.setting.find('=')))) return remedy;
  remedy.text.replace(0, kCommand.size() + remedy.setting.size(), remedy.setting + place_of(refused));
  remedy.setting.clear();
  return remedy;
}

}  // namespace nat
