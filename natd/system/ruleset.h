// What other software has put into netfilter, as far as natd must know it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nat {

// The kernel's number of the nftables ruleset, which grows with every change; 0 when it does not say.
std::uint32_t ruleset_generation();

// Whether rules that are not natd's look at connections or translate addresses, so that the kernel tracks
// connections. Asks nft, and the kernel about the older tables of iptables.
bool others_track_connections();

// Chains that are not natd's and refuse some forwarded packets, such as "forward of table inet filter".
std::vector<std::string> others_forward_filters();

// The same two of a ruleset as `nft list ruleset` prints it.
bool tracks_connections(std::string_view ruleset);
std::vector<std::string> forward_filters(std::string_view ruleset);

}  // namespace nat
