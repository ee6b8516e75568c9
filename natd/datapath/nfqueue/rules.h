// The nftables rules of the netfilter queue datapath, as text for `nft -f`: which packets stop for natd, and
// what must never pass without it. All of them live in one table of natd's own, `ip natd`; no other
// rules are touched, and one delete takes everything back.
//
// Every packet for natd ends in the chain `to_natd`: its first rule queues the packet (rules of the table, or
// an xtables target, see queue_target.h), its last one drops it. There is no bypass: while natd is not there
// to answer, the kernel drops what waits for it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "natd/datapath/backend.h"
#include "natd/system/own_names.h"
#include "translation/policy/policy.h"

namespace nat {

inline constexpr const char* kQueueChain = "to_natd";

// Packet marks carry natd's decision from one hook to a later one. The upper half is natd's, the lower half
// stays as the operator's own rules set it.
inline constexpr std::uint32_t kMarkMask = 0xffff0000;
inline constexpr std::uint32_t kMarkInbound = 0x6e010000;    // translated: may go on to the internal side
inline constexpr std::uint32_t kMarkAnswer = 0x6e020000;     // an ICMP error that natd made
inline constexpr std::uint32_t kMarkUnclaimed = 0x6e030000;  // from outside, and no mapping's
inline constexpr std::uint32_t kMarkHairpin =
    0x6e100000;  // plus the index of the pool address in bits 16 to 23
// Remotes that the gateway, and others behind it, are known to be in contact with; the kernel looks up the
// sockets of the rest.
inline constexpr unsigned kMostContacted = 65536;
inline constexpr std::size_t kMostAddresses = 0xf0;  // of the pool; so many marks are there

constexpr std::uint32_t hairpin_mark(std::size_t pool_index) {
  return kMarkHairpin + (static_cast<std::uint32_t>(pool_index) << 16);
}

struct RuleSettings {
  std::string internal;
  std::string external;
  PortRange gateway_ports;
  std::uint16_t first_queue = 0;
  unsigned queues = 1;
  bool queue_statement = true;  // the kernel has the nft `queue` statement
};

// The whole table; replaces the one that may be there. Throws std::runtime_error for an interface name that
// cannot be written in a rule.
std::string table_rules(const RuleSettings& settings);

// Replaces the contents of the table's sets: who natd answers for, and the ports of the gateway's own sockets
// (`gateway` is always among them).
std::string address_rules(const std::vector<Address>& pool);
std::string port_rules(const LocalPorts& ports, PortRange gateway);

// Whether connection tracking sees what natd translates, in its internal form: both directions of a flow as
// one connection, so that rules about connections hold. Then no rule of others translates the sources of
// hosts in `networks`.
std::string tracking_rules(const RuleSettings& settings, bool track, const std::vector<Prefix>& networks);

// A table that does nothing, for `nft --check`: accepted only where the kernel has the queue statement.
std::string queue_statement_probe(std::uint16_t first_queue, unsigned queues);

}  // namespace nat
