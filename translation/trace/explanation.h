// The trace of one packet's way through the engine, in words.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "translation/net/endpoint.h"
#include "translation/net/reason.h"

namespace nat {

// A question to Engine::explain: a packet that need not exist.
struct Probe {
  Protocol protocol = Protocol::udp;
  Realm in = Realm::internal;
  Endpoint source;
  Endpoint destination;
  std::uint8_t tcp_flags = 0x02;  // SYN
};

// One decision on the way: "mapping", "hit", "3 -> 10.0.0.1:5000, expires in 4:51".
struct Step {
  std::string name;
  std::string outcome;
  std::string detail;
};

struct Explanation {
  std::vector<Step> steps;
  Reason reason = Reason::not_ours;
  Realm out = Realm::external;
  Endpoint source;  // as it would leave; a port of 0 in `source` means one that is yet to be chosen
  Endpoint destination;
  bool portless = false;  // an ICMP error or a later fragment: its endpoints have no ports
  // What would let a refused packet pass, or why nothing would; empty when it passes.
  std::string remedy;
  // The same as an assignment, "udp.filtering=endpoint-independent", where one setting is enough.
  std::string setting;
};

}  // namespace nat
