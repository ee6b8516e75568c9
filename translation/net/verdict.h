// What goes into the engine, a packet, and what comes out of it, a verdict: plain values.
#pragma once

#include <cstdint>
#include <span>

#include "translation/net/packet.h"

namespace nat {

struct Packet {
  std::span<std::uint8_t> octets;  // from the IP header on
  ChecksumState checksum = ChecksumState::complete;
  // Made by the gateway itself: only its ICMP messages are of interest (errors about translated packets, echo
  // requests whose identifier must not clash with a mapping's).
  bool from_gateway = false;
  // The kernel took this hop off its time to live before natd saw it, or will take none: what is left is
  // enough.
  bool hop_counted = false;
  // Whatever the datapath needs to find a held packet again; comes back in Released.
  std::uint64_t token = 0;
};

struct Verdict {
  Reason reason = Reason::not_ours;
  Realm out = Realm::external;  // of a forwarded packet
  // Of a hairpinned packet: its source address before the rewrite, for datapaths that rewrite the source
  // later.
  Address hairpin_source{};
  // An ICMP error for the sender, on the side the packet came from; empty mostly. Valid until the next call.
  std::span<const std::uint8_t> reply{};

  Action action() const { return action_of(reason); }
};

// A packet that was held and now goes on, or is given up.
struct Released {
  std::uint64_t token = 0;
  Verdict verdict;
  std::span<std::uint8_t> octets;  // rewritten; valid until the next call
};

// A packet of natd's own that answers none at hand.
struct GeneratedPacket {
  Realm out = Realm::external;
  std::span<const std::uint8_t> octets;  // valid until the next call
};

}  // namespace nat
