// Everything the operator can choose, as one validated value: what the daemon needs (interfaces, datapath,
// control socket) and the engine's Policy. Filled from defaults, then the file, then the command line;
// changed at run time by `natctl set`. Its keys, defaults and ranges are in options.def.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/host_rule.h"
#include "config/port_forward.h"
#include "translation/policy/policy.h"

namespace nat {

enum class DatapathKind : std::uint8_t { automatic, nfqueue, tun };
const char* to_string(DatapathKind kind);

// Whether the kernel tracks the connections that natd translates.
enum class ConnectionTracking : std::uint8_t { automatic, yes, no };
const char* to_string(ConnectionTracking tracking);

struct Settings {
  std::string internal_interface;
  std::string external_interface;

  DatapathKind datapath = DatapathKind::automatic;
  unsigned queues = 2;                                           // of packets; each has a thread
  std::uint16_t first_queue = 5060;                              // number of the first netfilter queue
  std::uint32_t queue_length = 8192;                             // packets the kernel may hold for each queue
  ConnectionTracking conntrack = ConnectionTracking::automatic;  // of the netfilter queue datapath

  // External addresses besides those of the external interface; natd puts them on it while it runs.
  std::vector<Address> extra_addresses;
  // The ports that the gateway's own sockets get when they do not ask for one (the kernel's
  // ip_local_port_range, which natd narrows to this while it runs); never given to a mapping.
  PortRange gateway_ports{60000, 60999};

  std::string control_path = "/run/natd/control.sock";
  std::string control_group;  // who may use it besides root; empty for none

  std::vector<PortForward> port_forwards;

  bool log_mappings = false;  // a line for each mapping that is made or ends

  bool lab = false;  // allow values below what the RFCs demand

  // What is different for some hosts; policy.host_rules is made of them (resolve_host_rules).
  std::vector<HostRuleText> host_rules;

  // Without the addresses, which come from the interfaces.
  Policy policy;

  bool operator==(const Settings&) const = default;
};

}  // namespace nat
