// A packet as a TUN device with a virtio header carries it: the header, then the IP packet. The header says
// whether the transport checksum is finished and whether this is a super-packet to be cut up later; neither
// changes when the packet is translated, so it is written as it was read.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "translation/net/checksum.h"
#include "translation/net/packet.h"

namespace nat {

// The header of virtio 1.0 section 5.1.6 without the number of buffers. <linux/virtio_net.h> of Debian 12 is
// not C++.
inline constexpr std::size_t kFrameHeader = 10;
inline constexpr std::size_t kFrameFlags = 0;
inline constexpr std::uint8_t kNeedsChecksum = 1;
inline constexpr std::size_t kLargestFrame = kFrameHeader + 65535;

// For packets of natd's own making and for fragments: finished, and not to be cut up.
inline constexpr std::array<std::uint8_t, kFrameHeader> kPlainHeader{};

struct Frame {
  std::span<std::uint8_t> octets;  // at least the header

  std::span<std::uint8_t> packet() const { return octets.subspan(kFrameHeader); }
  ChecksumState checksum() const {
    const bool partial = (octets[kFrameFlags] & kNeedsChecksum) != 0;
    return partial ? ChecksumState::partial : ChecksumState::complete;
  }
};

// The kernel routes a packet twice, into natd and out of it, but a gateway is one hop (RFC 1812
// section 5.3.1): takes back one of the two decrements. A packet can come to natd only once, so nothing lives
// longer than it should.
inline void give_back_hop(std::span<std::uint8_t> packet) {
  if (packet.size() < ip::kMinimumHeader || packet[ip::kTtl] == 0xff) return;
  const std::uint16_t before = load16(&packet[ip::kTtl]);
  const auto after = static_cast<std::uint16_t>(before + 0x100);
  store16(&packet[ip::kTtl], after);
  std::uint8_t* const checksum = &packet[ip::kChecksum];
  store16(checksum, ChecksumDelta().change16(before, after).apply(load16(checksum)));
}

}  // namespace nat
