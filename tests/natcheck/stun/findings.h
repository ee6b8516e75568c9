// What a run with a STUN server has found for one protocol, and what follows from it. What could not be
// observed stays empty, and so does every verdict that would need it.
#pragma once

#include <optional>
#include <vector>

#include "filtering/behavior.h"
#include "tests/natcheck/findings.h"

namespace nat::check::stun {

// MP1 to MP3: one local port, as the server's endpoints see it.
struct Seen {
  Endpoint local;
  std::optional<Endpoint> primary;        // A1:P1
  std::optional<Endpoint> other_address;  // A2:P1
  std::optional<Endpoint> other_both;     // A2:P2
};
std::optional<Behavior> mapping(const Seen& seen);

// FL1 to FL3: a port that has asked A1:P1 alone, and whether it hears the server's other endpoints.
struct Let {
  bool primary = false;  // that it hears at all
  std::optional<bool> other_both;
  std::optional<bool> other_port;
  std::optional<bool> other_address;  // no part of the verdict
};
std::optional<Behavior> filtering(const Let& let);

struct Lifetime {
  milliseconds alive{};              // a silence that a mapping has survived
  std::optional<milliseconds> dead;  // one that it has not; empty if it survives whatever was tried
  std::optional<bool> outbound_refresh;
  std::optional<bool> inbound_refresh;
};

// A fresh local port and what it became.
struct Allocation {
  std::uint16_t local = 0;
  std::uint16_t external = 0;
};

// How often a mapping had been forgotten while it was used.
struct Endurance {
  unsigned packets = 0;
  unsigned losses = 0;
  milliseconds pause{};  // at most so long was any of them not used
};
// Whether mappings get lost, and do not just run out because they live no longer than the pauses were.
bool loses_mappings(const Endurance& endurance, const std::optional<Lifetime>& lifetime);

struct Findings {
  Protocol protocol = Protocol::udp;
  std::optional<Endpoint> other_address;  // of the server: A2:P2
  std::vector<Seen> seen;                 // several ports, the last of them at the end
  std::vector<Let> let;                   // UDP
  Hairpin hairpin;                        // UDP
  std::optional<bool> payload_untouched;  // MAPPED-ADDRESS says the same as XOR-MAPPED-ADDRESS
  std::optional<bool> fragments;          // UDP: datagrams beyond the MTU come through, both ways
  std::optional<bool> survives_filter;    // UDP: a mapping is there after something was rejected for it
  std::optional<Endurance> endurance;     // UDP
  std::vector<Allocation> allocations;    // in order
  std::optional<Lifetime> lifetime;       // UDP
};

bool reached(const Findings& findings);
std::optional<bool> translated(const Findings& findings);

// What most of the ports say.
std::optional<Behavior> mapping(const Findings& findings);
std::optional<Behavior> filtering(const Findings& findings);
// Whether they all say the same. Of the filter, only a port for which more came through than for most is
// evidence; less may be loss.
std::optional<bool> steady_mapping(const Findings& findings);
std::optional<bool> steady_filtering(const Findings& findings);

// Whether the external ports of fresh local ports can be predicted: they follow each other, and the local
// ports do not.
std::optional<bool> predictable(const Findings& findings);

}  // namespace nat::check::stun
