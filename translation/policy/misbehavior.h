// What NATs do wrong in the field and natd does only when a laboratory asks for it: hole punching, natcheck
// and the programs of others need something to fail on. Each switch breaks one rule and leaves the others
// alone. The ordinary path of a packet asks at most one flag.
#pragma once

#include <cstdint>

namespace nat {

// What an inbound SYN gets that no mapping or no filter wants (Ford, Srisuresh, Kegel: Peer-to-Peer
// Communication Across Network Address Translators, section 5.2; RFC 5382 REQ-4 forbids both answers).
enum class SynAnswer : std::uint8_t {
  none,
  reset,  // RST, as if a host had refused
  icmp    // ICMP port unreachable, at once
};
const char* to_string(SynAnswer answer);

struct Misbehavior {
  SynAnswer syn_answer = SynAnswer::none;
  // UDP packets from inside do not keep a session alive (RFC 4787 REQ-6).
  bool no_outbound_refresh = false;
  // A mapping ends when a packet to it is filtered.
  bool filter_ends_mapping = false;
  // Four octets of a payload that look like the sender's internal address become its external one, and the
  // port behind them too; the reverse from outside (paper, section 5.3; RFC 4787 REQ-10).
  bool payload_rewriting = false;
  // Of a thousand outbound packets, how many find that their mapping was lost.
  std::uint32_t mapping_loss = 0;
  // Hairpinned packets keep their internal source (RFC 4787 REQ-9a).
  bool hairpin_internal_source = false;
  // Internal endpoints with the same port share an external one as long as their remotes differ (RFC 4787
  // REQ-3, RFC 5382 REQ-7).
  bool port_overloading = false;

  bool operator==(const Misbehavior&) const = default;
};

}  // namespace nat
