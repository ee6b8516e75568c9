// What a NAT may do to the octets of a packet: addresses, ports or identifiers, the checksums that cover
// them, and the identification of a packet that may be fragmented (RFC 6864). Everything else stays; what was
// a right checksum is a right one afterwards, and what was wrong is wrong by the same amount.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tests/support/leak_watch.h"
#include "tests/support/octets.h"

namespace nat::test {

// Endpoints in the payload of UDP and TCP that must have become others, one after the other; for
// laboratories.
using Rewriting = std::vector<std::pair<Endpoint, Endpoint>>;

// `source` and `destination` are those that the packet must have now; for an ICMP echo the port of `own` is
// the identifier it must have. Empty when all is well, else what is not.
std::string judge_octets(const Octets& before, const Octets& after, Endpoint source, Endpoint destination,
                         bool may_change_identification, const Rewriting& rewriting = {});

// Of a packet that leaves for the external side: no address in a header, an option or a quote is internal,
// which those of 10.0.0.0/24 are. Empty when none is, else where one stands.
std::string judge_leaving(const Octets& packet);

// The packet with other endpoints and every checksum computed anew.
Octets readdressed(Octets packet, Endpoint source, Endpoint destination);

}  // namespace nat::test
