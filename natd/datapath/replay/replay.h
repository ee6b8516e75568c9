// The replay datapath: a capture file instead of the kernel. Drives the engine with the capture's own clock
// and writes what would have left on each side, and what became of each packet. Needs no privileges, and the
// same inputs give the same octets every time.
//
// A capture does not say which side a packet came from; its source address does: one of the internal
// networks, or else the external side. Replay is a router as well: it takes one off the TTL of what it
// forwards, and drops what would be left with none.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "translation/policy/policy.h"

namespace nat {

// RFC 1918.
std::vector<Prefix> private_networks();

struct ReplayJob {
  std::string capture;
  // Made when it is not there. In it: internal.pcap and external.pcap (bare IP packets) and verdicts.jsonl, a
  // line for each packet. A fragment that was held has a second line, with "released", when it goes on or is
  // given up.
  std::string directory;
  std::vector<Prefix> internal = private_networks();
  std::uint64_t seed = 1;
  Policy policy;  // with the addresses, which no interface gives here
};

struct ReplaySummary {
  std::uint64_t packets = 0;
  std::uint64_t skipped = 0;  // not IPv4
  std::uint64_t cut = 0;      // captured in part only; the engine sees them as malformed
  std::uint64_t forwarded = 0;
  std::uint64_t dropped = 0;
};

// Throws std::runtime_error with a sentence for the operator.
ReplaySummary replay(const ReplayJob& job);

}  // namespace nat
