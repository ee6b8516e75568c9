// A fixture: settings, then packets with what must become of each. A text file, so that every datapath can be
// held to it:
//
//   # RFC 4787 REQ-1: one external endpoint for all remotes
//   set udp.filtering = address-dependent
//   external 203.0.113.11
//   at 0 internal udp 10.0.0.1:4321 > 192.0.2.31:53 "question"
//     translated external udp 203.0.113.11:4321 > 192.0.2.31:53 "question"
//   at 1.5 external udp 192.0.2.32:53 > 203.0.113.11:4321
//     filtered-by-address
//
// `set` takes any key of natd.conf. Under each packet stands its reason and, when it is forwarded, the side
// it leaves on and its octets; then, where there are any, `reply PACKET` (an ICMP error for the sender) and
// `release REASON [SIDE PACKET]` (what was held before and is let go by it, in order). An identification that
// natd chooses is written `ipid 0` and taken as it is. Packets are written as packet_text.h says.
#pragma once

#include <string>
#include <vector>

#include "tests/support/octets.h"
#include "translation/base/time.h"
#include "translation/net/reason.h"
#include "translation/policy/policy.h"

namespace nat::test {

// What became of a packet, expected or real.
struct Fate {
  Reason reason = Reason::not_ours;
  Realm out = Realm::external;
  Octets packet;  // when it was forwarded
  bool operator==(const Fate&) const = default;
};

struct FixturePacket {
  unsigned line = 0;
  TimePoint time;
  Realm in = Realm::internal;
  Octets packet;
  Fate fate;
  Octets reply;
  std::vector<Fate> released;
};

struct Fixture {
  std::string path;
  Policy policy;
  std::vector<FixturePacket> packets;
};

// Throws std::runtime_error with "file:line: what is wrong".
Fixture read_fixture(const std::string& path);

// Empty when `actual` is as expected, else what is not. Identifications written as 0 are not compared.
std::string difference(const Fate& expected, const Fate& actual);

}  // namespace nat::test
