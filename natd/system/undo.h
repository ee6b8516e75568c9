// What takes back one change that natd made to the machine: a kind, with parameters that are checked. There
// is no kind that runs a command line, and none that reaches further than what natd itself changes; so who
// could write into the journal could still do no more than that.
//
// All of them are idempotent: what is not there, or has gone with its interface, is taken back already.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "translation/net/address.h"

namespace nat {

// `key` is one of those that natd sets: net/ipv4/ip_local_port_range, net/bridge/bridge-nf-call-iptables, or
// net/ipv4/conf/INTERFACE/ and one of forwarding, send_redirects. `value` is what it had: numbers.
struct RestoreSysctl {
  std::string key;
  std::string value;
  bool operator==(const RestoreSysctl&) const = default;
};

// `name` is one of the tables of natd/system/own_names.h, of the family `ip`.
struct RemoveTable {
  std::string name;
  bool operator==(const RemoveTable&) const = default;
};

// A whole address (/32) that natd put on an interface.
struct RemoveAddress {
  std::string interface;
  Address address;
  bool operator==(const RemoveAddress&) const = default;
};

// All IPv4 routes, and all rules, of protocol kTunRouteProtocol.
struct RemoveRoutes {
  bool operator==(const RemoveRoutes&) const = default;
};
struct RemoveRules {
  bool operator==(const RemoveRules&) const = default;
};

// The kernel's rule for local addresses where it was, if it `was_there`; then natd's copy of it goes.
struct RestoreLocalRule {
  bool was_there = true;
  bool operator==(const RestoreLocalRule&) const = default;
};

struct RestoreLinkGroup {
  std::string interface;
  std::uint32_t group = 0;
  bool operator==(const RestoreLinkGroup&) const = default;
};

using Undo = std::variant<RestoreSysctl, RemoveTable, RemoveAddress, RemoveRoutes, RemoveRules,
                          RestoreLocalRule, RestoreLinkGroup>;

// A sentence when a parameter is not what its kind may have; none when all is well.
std::optional<std::string> complaint(const Undo& undo);

// One line of JSON, and back: {"undo":"table","name":"natd"}. None for anything else than a whole line of a
// known kind with the parameters of that kind and no others.
std::string to_line(const Undo& undo);
std::optional<Undo> parse_undo(std::string_view line);

// Whether both are about the same thing: the same sysctl, address, table, ...
bool same_target(const Undo& one, const Undo& other);

// What carry_out() does, as text: "remove the table ip natd".
std::string describe(const Undo& undo);

// Takes the change back. Returns a sentence when that was not possible. May throw std::exception.
std::optional<std::string> carry_out(const Undo& undo);

}  // namespace nat
