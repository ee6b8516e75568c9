// How packets are led to natd: policy rules, routing tables and a safety net, as text for ip(8) and nft(8).
// Pure; who runs the text is tun.cpp.
//
//   pref   from            what                          where to
//      1   anywhere        to ports of the gateway       local
//      2   external side   to an external address        natd-ext  (inbound)
//          internal side   to an external address        natd-int  (hairpinning)
//          the gateway     ICMP unreachable about what
//                          natd sent                     natd-ext  (inbound)
//      3   both sides      what 2 finds no device for    nowhere   (natd has died)
//      4   anywhere        to the gateway                local, which was the kernel's rule 0
//    ...                   the rules that were there
//  32764   internal side   not by the external link      main
//  32765   internal side   the rest                      natd-int, else nowhere (outbound)
//  32764f  the gateway     ICMP by the external link     natd-ext, else main
//
// Only TCP, UDP and ICMP to an external address are led away; ARP asks the same rules, and must find the
// address to be the gateway's own. The main table decides which packets leave by the external link: that link
// is put into a group of its own, and routes by it are left out (suppress_ifgroup of ip-rule(8)).
#pragma once

#include <string>
#include <vector>

#include "natd/datapath/backend.h"
#include "natd/system/own_names.h"
#include "translation/policy/policy.h"

namespace nat {

inline constexpr const char* kTunInternal = "natd-int";
inline constexpr const char* kTunExternal = "natd-ext";

struct TunInputs {
  Links links;
  LocalPorts local;
  PortRange gateway_ports;
  // Those of links.external_addresses that an interface has; the others are natd's alone.
  std::vector<Address> assigned;
};

// Each line is what follows `ip rule add` or `ip route replace`.
struct TunRouting {
  std::vector<std::string> rules;
  std::vector<std::string> routes;
};

TunRouting tun_routing(const TunInputs& inputs);

// Input of `ip -batch -` that leads from one state to the other: new lines first, so that no packet falls
// between.
std::string tun_batch(const TunRouting& before, const TunRouting& after);

// Input of `nft -f -`: nothing crosses between the sides but through natd, whatever the routes say; and where
// no socket is, neither a RST nor a port-unreachable message shows this to the outside (`gateway_ports` are
// the gateway's own). It stays when natd is killed. What exempt remotes send crosses: natd leaves that alone.
std::string tun_safety_net(const Links& links, const std::vector<Exemption>& exempt, PortRange gateway_ports);

}  // namespace nat
