// Cutting datagrams into fragments and putting them together again, as hosts do (RFC 791).
#pragma once

#include <optional>

#include "tests/support/octets.h"

namespace nat::test {

// Fragments that carry `size` octets each, a multiple of eight, in order. Options stay in the first one.
std::vector<Octets> cut(const Octets& datagram, std::size_t size);

// The datagram, whatever the order of the fragments; nothing when they do not fit together.
std::optional<Octets> join(std::vector<Octets> fragments);

}  // namespace nat::test
