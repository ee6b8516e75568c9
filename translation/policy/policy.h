// What the engine is to do: a plain value, validated before it gets here (config/validate.h) and
// replaced as a whole by Engine::apply.
#pragma once

#include <algorithm>
#include <bitset>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "translation/policy/misbehavior.h"
#include "translation/policy/profile.h"

namespace nat {

using PortSet = std::bitset<65536>;

// What an inbound SYN gets that no mapping or no filter wants: nothing ever, or an ICMP error unless the
// internal side has connected to its sender within six seconds (RFC 5382 REQ-4).
enum class UnsolicitedSyn : std::uint8_t { silent, icmp_delayed };
const char* to_string(UnsolicitedSyn answer);

// What becomes of packets with IP options in which addresses travel (net/ip_options.h): nothing goes on, or
// everything does, with those options blanked (RFC 7126).
enum class AddressOptions : std::uint8_t { refuse, blank };
const char* to_string(AddressOptions options);

// Remotes to which packets go untranslated (RFC 6888 REQ-6). Where it names ports, it is about TCP, UDP and
// ICMP errors to do with them; else about everything.
struct Exemption {
  Prefix remote;
  PortRange ports{0, 65535};

  bool every_port() const { return ports.first == 0; }
  bool operator==(const Exemption&) const = default;
};

// What becomes of the mappings of some hosts: the first rule that fits a mapping's first packet gives its
// profile (draft-ford-midcom-p2p-01 section 5.2 asks for such a choice by host, protocol and port).
struct HostRule {
  Prefix internal{Address(), 0};
  std::optional<Protocol> protocol;  // every one when empty
  PortRange internal_ports{0, 65535};
  PortRange remote_ports{0, 65535};
  // Complete: what the rule leaves open is as everywhere else.
  Profile profile;
  // The profile's port ranges are its own: no mapping outside this rule, or others that name them, gets them.
  bool own_ports = false;
  // What fits opens no session from inside; those that are open go on.
  bool deny = false;
  // The keys of the configuration that the rule itself sets, so that a remedy can say where.
  std::vector<std::string> keys;

  bool sets(std::string_view key) const { return std::find(keys.begin(), keys.end(), key) != keys.end(); }
  bool fits(Protocol of, Endpoint from, std::uint16_t remote_port) const {
    return (!protocol || *protocol == of) && internal.contains(from.address) &&
           internal_ports.contains(from.port) && remote_ports.contains(remote_port);
  }
  bool operator==(const HostRule&) const = default;
};

// More rules than this are refused by the configuration.
inline constexpr std::size_t kMostHostRules = 250;

// Ports divided among subscribers beforehand, so that an external endpoint identifies its host without a log
// (RFC 7422 section 2). Each gets the same number, in the order of addresses; what is left over is given out
// in small blocks to those whose own is full.
inline constexpr std::uint32_t kFirstBlockPort = 1024;
struct BlockPolicy {
  std::vector<Address> subscribers;  // sorted; empty for no blocks
  std::uint16_t dynamic = 2;         // as many shares as of that many subscribers are left over
  std::uint16_t extra_size = 64;     // ports of a block given out on demand
  std::uint16_t extra_per_host = 4;  // such blocks for one host, on all addresses together

  // How many subscribers have their blocks on one address, at most; 0 for no blocks.
  std::size_t subscribers_on_each(std::size_t addresses) const {
    return addresses == 0 ? 0 : (subscribers.size() + addresses - 1) / addresses;
  }
  // The ports of one subscriber, where an address has `usable` ports from 1024 on.
  std::size_t ports_each(std::size_t addresses, std::size_t usable) const {
    const std::size_t on_each = subscribers_on_each(addresses);
    return on_each == 0 ? 0 : usable / (on_each + dynamic);
  }
  bool operator==(const BlockPolicy&) const = default;
};

// The profile is that of the hosts that no rule names.
struct Policy : Profile {
  // The pool. An internal address keeps to one of them for all its mappings (RFC 4787 REQ-2).
  std::vector<Address> external_addresses;
  // The gateway's own address towards the internal side, the source of ICMP errors that natd makes.
  Address internal_address;
  // Where packets from the internal side may come from (filtering/admission.h); none for anywhere.
  std::vector<Prefix> internal_networks;

  // Ports that belong to the gateway itself and are never given away.
  PortSet reserved_ports;
  // Of a hundred ports of an address and protocol, how many may be in quarantine at a time (RFC 6888 REQ-8).
  std::uint32_t quarantine_share = 25;
  // Whether a host may get a mapping on another external address when its own has no port left (RFC 7857
  // section 4).
  bool soft_pairing = false;
  std::vector<HostRule> host_rules;
  BlockPolicy blocks;
  UnsolicitedSyn unsolicited_syn = UnsolicitedSyn::silent;
  AddressOptions address_options = AddressOptions::refuse;
  // Whether an ICMP error about a packet of an open session is refused for the checksum of the IP header it
  // quotes (RFC 5508 REQ-3a).
  bool strict_quotes = false;
  bool hairpin = true;
  bool hairpin_filter = false;  // apply the filter to hairpinned packets too
  std::vector<Exemption> exempt;
  Misbehavior misbehavior;

  bool operator==(const Policy&) const = default;
};

}  // namespace nat
