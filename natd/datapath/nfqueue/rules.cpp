#include "natd/datapath/nfqueue/rules.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace nat {
namespace {

// The table, with $words to be filled in. Priorities: -450 and -449 are before connection tracking (-200) and
// its reassembly of fragments (-400), so that it sees the internal addresses, as after routing it does before
// 110; -99 is after the destination translation of others (-100); -150 is before the operator's filters (0);
// 110 and 120 are after the source translation of others (100).
constexpr std::string_view kTableTemplate = R"(
table ip natd {
	set pool { type ipv4_addr; }
	set gateway_tcp { type inet_service; flags interval; }
	set gateway_udp { type inet_service; flags interval; }
	# Remotes that others of this machine are in contact with by an external address, and from which port: the
	# gateway itself, and what the kernel masquerades.
	set contacted {
		type ipv4_addr . inet_proto . inet_service . inet_service
		size $most_contacted
		flags dynamic,timeout
		timeout 3m
	}
	map hairpin_source { type mark : ipv4_addr; }
	counter unclaimed { }
	counter claimed_by_others { }

	chain to_natd {
$queue		drop
	}

	# Remotes that are exempt from translation (see exempt_rules.h).
	chain from_exempt { }
	chain to_exempt { }

	# Empty where connection tracking is to see what natd translates (see tracking_rules).
	chain not_tracked { }

	# Addressed to the gateway: tunnels end here, and its own sockets come first. Fragments have no ports; natd
	# keeps them.
	chain sort_out {
		ip protocol != { tcp, udp, icmp } return
		ip frag-off & 0x3fff != 0 goto to_natd
		tcp dport @gateway_tcp return
		udp dport @gateway_udp return
		ip saddr . ip protocol . th sport . th dport @contacted return
		goto to_natd
	}
	chain before_conntrack {
		type filter hook prerouting priority -450; policy accept;
		iifname { $internal, $external } ip daddr @pool goto sort_out
		iifname $internal jump to_exempt
		iifname $internal fib daddr oifname $external jump not_tracked
	}
	chain translated {
		type filter hook prerouting priority -449; policy accept;
		meta mark & $mask == $inbound jump not_tracked
		meta mark & $mask >= $hairpin meta mark & $mask <= $last_hairpin notrack
	}
	# No mapping's: what another NAT of this machine has given a destination of its own is for that.
	chain after_other_nat {
		type filter hook prerouting priority -99; policy accept;
		meta mark & $mask != $unclaimed return
		ip daddr @pool counter name unclaimed drop
		counter name claimed_by_others
	}
	# What natd did not translate goes neither in nor around; what it translated for a host inside does not go
	# out, even if the way to that host's address does.
	chain crossing {
		type filter hook forward priority -150; policy accept;
		ip daddr @pool drop
		iifname $external oifname $internal jump from_exempt
		iifname $external oifname $internal meta mark & $mask != $inbound drop
		oifname $external meta mark & $mask == $inbound drop
		oifname $external meta mark & $mask >= $hairpin meta mark & $mask <= $last_hairpin drop
	}
	chain after_routing {
		type filter hook postrouting priority 110; policy accept;
		iifname $internal oifname $external goto to_natd
		oifname $internal meta mark & $mask >= $hairpin meta mark & $mask <= $last_hairpin ip saddr set meta mark & $mask map @hairpin_source
	}
	chain of_others {
		type filter hook postrouting priority 120; policy accept;
		oifname != $external return
		iifname $internal return
		meta mark & $mask == $answer return
		ip protocol { tcp, udp } ip saddr @pool update @contacted { ip daddr . ip protocol . th dport . th sport }
	}

	# The gateway's own ICMP: errors may quote what natd translated, echo identifiers must not clash with a
	# mapping's. And nobody outside learns which ports are free: no answers where no socket is.
	chain from_gateway {
		type filter hook output priority -150; policy accept;
		oifname != $external return
		meta mark & $mask == $answer return
		icmp type destination-unreachable icmp code port-unreachable drop
		icmp type { destination-unreachable, time-exceeded, parameter-problem, echo-request } goto to_natd
		tcp sport $gateway_ports tcp flags & rst == rst goto resets
	}
	chain resets {
		meta skuid 0-4294967294 return
		drop
	}
}
)";

std::string quoted(const std::string& interface) {
  const auto plain = [](unsigned char character) {
    return std::isgraph(character) != 0 && character != '"' && character != '\\' && character != '*';
  };
  if (interface.empty() || !std::all_of(interface.begin(), interface.end(), plain)) {
    throw std::runtime_error(
        "the interface name \"" + interface +
        "\" cannot be used in nftables rules; rename the interface, or use --datapath tun");
  }
  return '"' + interface + '"';
}

std::string hexadecimal(std::uint32_t value) {
  char text[16];
  std::snprintf(text, sizeof text, "0x%08x", value);
  return text;
}

std::string range(unsigned first, unsigned last) {
  return first == last ? std::to_string(first) : std::to_string(first) + "-" + std::to_string(last);
}

std::string queue_statement(std::uint16_t first_queue, unsigned queues) {
  return "queue num " + range(first_queue, first_queue + queues - 1);
}

std::string refill(const std::string& set, const std::string& elements) {
  std::string text = "flush set ip natd " + set + "\n";
  if (!elements.empty()) text += "add element ip natd " + set + " { " + elements + " }\n";
  return text;
}

std::string elements(const PortSet& ports, PortRange gateway) {
  std::string text;
  unsigned port = 0;
  const auto taken = [&](unsigned number) {
    return ports.test(number) || (number >= gateway.first && number <= gateway.last);
  };
  while (port < ports.size()) {
    const unsigned first = port;
    while (port < ports.size() && taken(port)) ++port;
    if (port > first) text += (text.empty() ? "" : ", ") + range(first, port - 1);
    ++port;
  }
  return text;
}

}  // namespace

std::string table_rules(const RuleSettings& settings) {
  const std::pair<std::string_view, std::string> words[] = {
      {"$queue", settings.queue_statement
                     ? "\t\t" + queue_statement(settings.first_queue, settings.queues) + "\n"
                     : std::string()},
      {"$internal", quoted(settings.internal)},
      {"$external", quoted(settings.external)},
      {"$mask", hexadecimal(kMarkMask)},
      {"$inbound", hexadecimal(kMarkInbound)},
      {"$answer", hexadecimal(kMarkAnswer)},
      {"$unclaimed", hexadecimal(kMarkUnclaimed)},
      {"$most_contacted", std::to_string(kMostContacted)},
      {"$hairpin", hexadecimal(kMarkHairpin)},
      {"$last_hairpin", hexadecimal(hairpin_mark(kMostAddresses - 1))},
      {"$gateway_ports", range(settings.gateway_ports.first, settings.gateway_ports.last)},
  };
  std::string text = "add table ip natd\ndelete table ip natd\n";
  std::string_view rest = kTableTemplate;
  while (!rest.empty()) {
    const std::size_t length = std::min(rest.find('$'), rest.size());
    text += rest.substr(0, length);
    rest.remove_prefix(length);
    for (const auto& [word, value] : words) {
      if (!rest.starts_with(word)) continue;
      text += value;
      rest.remove_prefix(word.size());
      break;
    }
  }
  return text;
}

std::string address_rules(const std::vector<Address>& pool) {
  std::string addresses;
  std::string marks;
  for (std::size_t index = 0; index < std::min(pool.size(), kMostAddresses); ++index) {
    const std::string address = pool[index].to_string();
    addresses += (index == 0 ? "" : ", ") + address;
    marks += (index == 0 ? "" : ", ") + hexadecimal(hairpin_mark(index)) + " : " + address;
  }
  std::string text = refill("pool", addresses);
  text += "flush map ip natd hairpin_source\n";
  if (!marks.empty()) text += "add element ip natd hairpin_source { " + marks + " }\n";
  return text;
}

std::string port_rules(const LocalPorts& ports, PortRange gateway) {
  return refill("gateway_tcp", elements(ports.tcp, gateway)) +
         refill("gateway_udp", elements(ports.udp, gateway));
}

// Source translation of the kernel keeps each source: an identity is a decision, and the rules of others come
// too late.
std::string tracking_rules(const RuleSettings& settings, bool track, const std::vector<Prefix>& networks) {
  std::string text = "flush chain ip natd not_tracked\n";
  const std::string chain = "chain ip natd keeps_source";
  text +=
      "add " + chain + " { type nat hook postrouting priority 99; policy accept; }\nflush " + chain + "\n";
  if (!track) return text + "delete " + chain + "\nadd rule ip natd not_tracked notrack\n";
  for (const Prefix& network : networks) {
    if (network.length() == 0) continue;
    const std::string name = network.to_string();
    text += "add rule ip natd keeps_source iifname " + quoted(settings.internal) + " oifname " +
            quoted(settings.external) + " ip saddr " + name + " snat ip prefix to " + name + "\n";
  }
  return text;
}

std::string queue_statement_probe(std::uint16_t first_queue, unsigned queues) {
  return "table ip natd_probe {\n\tchain probe {\n\t\t" + queue_statement(first_queue, queues) + "\n\t}\n}\n";
}

}  // namespace nat
