#include "natd/datapath/tun/routing.h"

#include <algorithm>

#include "natd/datapath/exempt_rules.h"

namespace nat {
namespace {

// Routing tables; their names in /etc/iproute2/rt_tables are not natd's to set.
constexpr const char* kOutbound = "5128";   // what hosts send out
constexpr const char* kInbound = "5129";    // what comes in for an external address
constexpr const char* kHairpin = "5130";    // what hosts send to an external address
constexpr const char* kClosed = "5131";     // the last two without natd
constexpr const char* kOwn = "5132";        // the gateway's own ICMP to the external side
constexpr const char* kOwnErrors = "5133";  // its errors about what natd sent

// A rule more is looked at for each packet. What exceeds this reaches the gateway through natd, which knows
// its sockets too.
constexpr std::size_t kMostPortRules = 64;

// A routing metric behind all others.
constexpr const char* kLast = " metric 4294967295";

std::vector<PortRange> ranges(const PortSet& ports) {
  std::vector<PortRange> result;
  for (std::size_t port = 1; port < ports.size(); ++port) {
    if (!ports[port]) continue;
    const auto number = static_cast<std::uint16_t>(port);
    if (ports[port - 1] && !result.empty()) {
      result.back().last = number;
    } else {
      result.push_back({number, number});
    }
  }
  return result;
}

void add_own_ports(std::vector<std::string>& rules, const char* protocol, PortSet ports, PortRange always) {
  for (std::size_t port = always.first; port <= always.last; ++port) ports.set(port);
  std::vector<PortRange> wanted = ranges(ports);
  if (wanted.size() > kMostPortRules) wanted.resize(kMostPortRules);
  for (const PortRange range : wanted) {
    std::string numbers = std::to_string(range.first);
    if (range.last != range.first) numbers += "-" + std::to_string(range.last);
    rules.push_back("pref 1 ipproto " + std::string(protocol) + " dport " + numbers + " lookup local");
  }
}

std::vector<std::string> rules_for(const TunInputs& around) {
  const std::string from_external = "iif " + around.links.external;
  const std::string from_internal = "iif " + around.links.internal;
  const std::string elsewhere = std::string(" lookup main suppress_ifgroup ") + kTunLinkGroup;
  std::vector<std::string> rules;
  add_own_ports(rules, "tcp", around.local.tcp, around.gateway_ports);
  add_own_ports(rules, "udp", around.local.udp, around.gateway_ports);
  for (const char* protocol : {"tcp", "udp", "icmp"}) {
    const std::string only = std::string(" ipproto ") + protocol + " lookup ";
    rules.push_back("pref 2 " + from_external + only + kInbound);
    rules.push_back("pref 2 " + from_internal + only + kHairpin);
  }
  // The kernel compares ports with type and code here: 3 * 256 and what follows.
  rules.push_back(std::string("pref 2 iif lo ipproto icmp dport 768-1023 lookup ") + kOwnErrors);
  for (const char* protocol : {"tcp", "udp"}) {
    const std::string only = std::string(" ipproto ") + protocol + " lookup ";
    rules.push_back("pref 3 " + from_external + only + kClosed);
    rules.push_back("pref 3 " + from_internal + only + kClosed);
  }
  rules.push_back("pref 32764 " + from_internal + elsewhere);
  rules.push_back("pref 32765 " + from_internal + " lookup " + kOutbound);
  rules.push_back("pref 32764 iif lo ipproto icmp" + elsewhere);
  rules.push_back(std::string("pref 32765 iif lo ipproto icmp lookup ") + kOwn);
  return rules;
}

std::vector<std::string> routes_for(const TunInputs& around) {
  const std::string internal = std::string(" dev ") + kTunInternal + " table ";
  const std::string external = std::string(" dev ") + kTunExternal + " table ";
  std::vector<std::string> routes;
  routes.push_back("default" + internal + kOutbound);
  routes.push_back(std::string("blackhole default table ") + kOutbound + kLast);
  if (!around.assigned.empty()) {
    routes.push_back("default" + external + kOwn + " src " + around.assigned.front().to_string());
  }
  for (const Address address : around.links.external_addresses) {
    const std::string name = address.to_string();
    // Before it is led to natd: the kernel answers ARP for local addresses only.
    if (std::find(around.assigned.begin(), around.assigned.end(), address) == around.assigned.end()) {
      routes.push_back("local " + name + " dev lo table local");
    }
    routes.push_back("blackhole " + name + " table " + kClosed);
    routes.push_back(name + internal + kHairpin);
    routes.push_back(name + external + kInbound);
    if (!around.links.internal_address.unspecified()) {
      routes.push_back(name + external + kOwnErrors + " src " + around.links.internal_address.to_string());
    }
  }
  return routes;
}

void add_lines(std::string& text, const char* verb, const std::vector<std::string>& wanted,
               const std::vector<std::string>& there) {
  for (const std::string& line : wanted) {
    if (std::find(there.begin(), there.end(), line) != there.end()) continue;
    text += verb + line + " proto " + kTunRouteProtocol + "\n";
  }
}

}  // namespace

TunRouting tun_routing(const TunInputs& inputs) { return {rules_for(inputs), routes_for(inputs)}; }

std::string tun_batch(const TunRouting& before, const TunRouting& after) {
  std::string text;
  add_lines(text, "route replace ", after.routes, before.routes);
  add_lines(text, "rule add ", after.rules, before.rules);
  add_lines(text, "rule del ", before.rules, after.rules);
  add_lines(text, "route del ", before.routes, after.routes);
  return text;
}

std::string tun_safety_net(const Links& links, const std::vector<Exemption>& exempt,
                           PortRange gateway_ports) {
  const auto drop = [](const std::string& from, const char* device, const std::string& to) {
    return "    iifname { \"" + from + "\", \"" + device + "\" } oifname \"" + to + "\" drop\n";
  };
  return "add table ip natd_tun\ndelete table ip natd_tun\n"
         "table ip natd_tun {\n"
         "  chain from_exempt { }\n"
         "  chain to_exempt { }\n"
         "  chain forward {\n"
         "    type filter hook forward priority -310; policy accept;\n" +
         drop(links.internal, kTunInternal, links.external) + "    iifname \"" + links.external +
         "\" oifname \"" + links.internal + "\" jump from_exempt\n" +
         drop(links.external, kTunExternal, links.internal) +
         "  }\n"
         "  chain from_gateway {\n"
         "    type filter hook output priority -150; policy accept;\n"
         "    oifname { \"" +
         links.external + "\", \"" + kTunExternal +
         "\" } icmp type destination-unreachable icmp code port-unreachable drop\n"
         "    oifname \"" +
         links.external + "\" tcp sport " + std::to_string(gateway_ports.first) + "-" +
         std::to_string(gateway_ports.last) +
         " tcp flags & rst == rst goto resets\n"
         "  }\n"
         "  chain resets {\n"
         "    meta skuid 0-4294967294 return\n"
         "    drop\n"
         "  }\n"
         "}\n" +
         exempt_rules(kTunTable, exempt);
}

}  // namespace nat
