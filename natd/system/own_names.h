// The names and numbers by which everyone, natd included, tells what natd has put into the kernel: tables of
// nftables, rules and routes. What a killed natd has left is found by them even when no journal knows of it.
#pragma once

namespace nat {

// Tables of the family `ip`.
inline constexpr const char* kTable = "natd";              // the netfilter queue datapath
inline constexpr const char* kTunTable = "natd_tun";       // the safety net of the TUN datapath
inline constexpr const char* kBlockTable = "natd_block";   // the forward block
inline constexpr const char* kOldBlock = "natd_barrier_";  // and a process id: the forward block of natd 0.1

// Marks each rule and route of the TUN datapath (see /etc/iproute2/rt_protos), so that all are found at once.
inline constexpr const char* kTunRouteProtocol = "78";

// The group that the external interface is put into.
inline constexpr const char* kTunLinkGroup = "5128";

// The kernel's rule for local addresses, and natd's copy of it behind its own: what follows `ip rule add`.
// The copy says that it is the kernel's, too: whoever tidies up foreign rules must not take the gateway's
// addresses away.
inline constexpr const char* kTunFirstLocalRule = "pref 0 lookup local protocol kernel";
inline constexpr const char* kTunLocalRule = "pref 4 lookup local protocol kernel";
inline constexpr int kTunLocalPreference = 4;

}  // namespace nat
