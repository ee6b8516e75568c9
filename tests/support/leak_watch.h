// What a packet that leaves reveals of the internal side, where it should reveal nothing: in its header, in
// IP options in which addresses travel, and in what an ICMP error quotes of both. Payload is the hosts' own.
#pragma once

#include <functional>
#include <string>

#include "tests/support/octets.h"

namespace nat::test {

// Where the first internal address stands, in words; empty when there is none. The receiver's own address
// reveals nothing to it.
std::string leak_of(const Octets& packet, const std::function<bool(Address)>& internal);

// An option of eight octets that has recorded one address: the kind is record route, or whichever is wanted.
Octets recording_option(Address recorded, std::uint8_t kind = 7);
// The packet, whose header has no option, with these behind it.
Octets with_options(Octets packet, const Octets& options);
// The packet with options that do nothing in place of those in which addresses travel.
Octets without_address_options(Octets packet);

}  // namespace nat::test
