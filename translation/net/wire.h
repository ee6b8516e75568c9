// Octets on the wire: unaligned numbers in network order, and the few protocol numbers natd knows.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nat {

inline std::uint16_t load16(const std::uint8_t* at) { return static_cast<std::uint16_t>(at[0] << 8 | at[1]); }
inline std::uint32_t load32(const std::uint8_t* at) {
  return std::uint32_t{load16(at)} << 16 | load16(at + 2);
}
inline void store16(std::uint8_t* at, std::uint16_t value) {
  at[0] = static_cast<std::uint8_t>(value >> 8);
  at[1] = static_cast<std::uint8_t>(value);
}
inline void store32(std::uint8_t* at, std::uint32_t value) {
  store16(at, static_cast<std::uint16_t>(value >> 16));
  store16(at + 2, static_cast<std::uint16_t>(value));
}

namespace ip {
inline constexpr std::size_t kMinimumHeader = 20;
inline constexpr std::size_t kTotalLength = 2, kIdentification = 4, kFragment = 6, kTtl = 8, kProtocol = 9,
                             kChecksum = 10, kSource = 12, kDestination = 16;
inline constexpr std::uint16_t kDontFragment = 0x4000, kMoreFragments = 0x2000, kOffsetMask = 0x1fff;
inline constexpr std::uint8_t kOptionEnd = 0, kOptionNop = 1, kOptionRecordRoute = 7, kOptionTimestamp = 68,
                              kOptionTraceroute = 82, kOptionLooseRoute = 131, kOptionStrictRoute = 137,
                              kOptionAddressExtension = 147, kOptionMultipleDestinations = 149;
}  // namespace ip

namespace tcp {
inline constexpr std::size_t kHeader = 20, kSequence = 4, kAcknowledgment = 8, kWindow = 14, kChecksum = 16;
inline constexpr std::uint8_t kFin = 0x01, kSyn = 0x02, kRst = 0x04, kAck = 0x10;
}  // namespace tcp

namespace udp {
inline constexpr std::size_t kHeader = 8, kChecksum = 6;
}  // namespace udp

namespace icmp {
inline constexpr std::size_t kHeader = 8, kChecksum = 2, kIdentifier = 4;
inline constexpr std::uint8_t kEchoReply = 0, kUnreachable = 3, kSourceQuench = 4, kRedirect = 5, kEcho = 8,
                              kTimeExceeded = 11, kParameterProblem = 12;
inline constexpr std::uint8_t kHostUnreachable = 1, kPortUnreachable = 3, kProhibited = 13;
}  // namespace icmp

}  // namespace nat
