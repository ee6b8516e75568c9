// What natd sends of its own: ICMP errors, when it refuses an internal host something (RFC 6888 REQ-11, RFC
// 5508 REQ-8), and the resets of a NAT that misbehaves (translation/policy/misbehavior.h).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "translation/net/packet.h"

namespace nat {

// Whether an error may be sent about this packet at all (RFC 1812 section 4.3.2.7).
bool may_answer(const PacketView& view);

// Builds the packet: from `source` to the sender of `about`, quoting as much of it as fits into 576 octets,
// with its type of service (RFC 5508 REQ-10, section 7.7). The result lies in `buffer`.
std::span<const std::uint8_t> make_icmp_error(std::vector<std::uint8_t>& buffer, const PacketView& about,
                                              Address source, std::uint8_t type, std::uint8_t code);

// Builds the reset that a host without a listener would send about a SYN (RFC 9293 section 3.10.7.1). The
// result lies in `buffer`.
std::span<const std::uint8_t> make_reset(std::vector<std::uint8_t>& buffer, const PacketView& about);

}  // namespace nat
