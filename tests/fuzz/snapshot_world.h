// The world of snapshot_fuzz, which snapshot_seeds takes its snapshots from.
//
// An input is two octets that choose the policy, one that says how long the script is, the script (what
// happens after the snapshot was restored), and the snapshot.
#pragma once

#include <cstddef>

#include "tests/support/test_gateway.h"

namespace nat::test {

constexpr std::size_t kInputHead = 3;

// Bits of the first octet.
enum WorldChoice : std::uint8_t {
  kSecondAddress = 1,
  kEndpointIndependentFiltering = 2,
  kBlocks = 4,         // of ports for each host
  kSmallTables = 8,    // of as many records as the second octet says, plus one
  kAddressGone = 16,   // the first one
  kNoQuarantine = 32,  // of any port
};

inline Policy snapshot_policy(std::uint8_t choices, std::uint8_t capacity) {
  Policy policy = plain_policy();
  if ((choices & kSecondAddress) != 0) policy.external_addresses.push_back(Address(203, 0, 113, 12));
  if ((choices & kAddressGone) != 0) policy.external_addresses.front() = Address(203, 0, 113, 13);
  if ((choices & kEndpointIndependentFiltering) != 0) {
    policy.udp.filtering = policy.tcp.filtering = Behavior::endpoint_independent;
  }
  policy.ports.ranges = {{600, 610}, {2000, 2020}};
  policy.ports.rest = seconds(12);
  if ((choices & kBlocks) != 0) {
    // Two ports for each host, and some blocks of two besides.
    for (std::uint8_t host = 1; host <= 4; ++host) {
      policy.blocks.subscribers.push_back(Address(10, 0, 0, host));
    }
    policy.blocks.extra_size = 2;
    policy.blocks.extra_per_host = 2;
    policy.blocks.dynamic = 4;
    policy.reserved_ports.set();
    for (std::size_t port = 2000; port < 2016; ++port) policy.reserved_ports.reset(port);
  }
  if ((choices & kNoQuarantine) != 0) policy.quarantine_share = 0;
  const std::uint32_t records = (choices & kSmallTables) != 0 ? 1 + capacity % 16U : 64;
  policy.limits = {
      .mappings = records, .sessions = 2 * records, .hosts = records, .mapping_rate_per_host = 5};
  return policy;
}

}  // namespace nat::test
