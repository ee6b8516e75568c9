// The test that the paper left for the future: do several hosts behind one gateway, all at the same local
// port, get in each other's way? KM1: together, one after the other, one leaving and coming back. KM2: each
// to each, by hairpin. At last each asks another server, which shows external endpoints that hosts share.
#pragma once

#include <map>
#include <memory>
#include <utility>

#include <nlohmann/json_fwd.hpp>

#include "filtering/behavior.h"
#include "tests/natcheck/host.h"
#include "tests/natcheck/options.h"

namespace nat::check {

// One round of observations: what the servers saw of each host that took part.
struct Round {
  std::string name;
  std::map<std::size_t, std::optional<Endpoint>> endpoints;  // by host; nothing where a server did not answer
  std::map<std::size_t, Behavior> mappings;  // by host, where the servers show it, twice if need be
  bool complete = true;                      // every server answered every host
  bool consistent = true;                    // each host had one endpoint towards all servers
  bool distinct = true;                      // no two hosts had the same
  std::optional<bool> unchanged;             // as in the round before, for those who were in both
};

struct Pair {
  bool one_way = false;            // arrived though the receiver had not sent yet; tried where from < to
  bool two_way = false;            // arrived after both had sent
  std::optional<Endpoint> source;  // whom the receiver saw
};

struct MultiFindings {
  Protocol protocol = Protocol::udp;
  std::vector<Round> rounds;
  // By host, once each asks another server: where two have the same endpoint, it is shared.
  std::map<std::size_t, Endpoint> apart;
  std::map<std::pair<std::size_t, std::size_t>, Pair> pairs;  // (from, to)
  unsigned strays = 0;  // messages that reached a host they were not for
};

struct MultiReport {
  std::uint16_t port = 0;
  std::vector<std::pair<std::string, std::string>> hosts;  // name, local address
  std::vector<MultiFindings> protocols;
};

// Starts one agent for each host, by this very program, and runs the test. Throws SetupError.
MultiReport run_multi(const MultiOptions& options);

// KM1: every round complete, consistent, distinct and unchanged, and no strays. KM2: every pair, from both
// sides.
bool undisturbed(const MultiFindings& findings);
bool hairpins(const MultiFindings& findings);

// Whether two hosts had one external endpoint at the same time. This, as steady(), is not known, and not
// said, where hosts do not keep their endpoints.
bool overloaded(const MultiFindings& findings);
// Whether every host had the same mapping behaviour every time; unknown if there was nothing to compare.
std::optional<bool> steady(const MultiFindings& findings);
// Whether every source of a hairpin was an external address of its sender; unknown if nothing arrived.
std::optional<bool> external_sources(const MultiFindings& findings);

// The sum of 1 (UDP) and 2 (TCP) where hosts disturb each other, 4 (UDP) and 8 (TCP) where a hairpin is
// missing.
int exit_code(const MultiReport& report);
std::string table(const MultiReport& report);
nlohmann::json json(const MultiReport& report);

}  // namespace nat::check
