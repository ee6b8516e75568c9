// What messages of these tools are made of: 64 octets, never more, never less, so that no answer is larger
// than its question and a stream needs no framing. Endpoints travel as their one's complement: a gateway that
// rewrites addresses inside payloads finds none.
#pragma once

#include <array>
#include <cstdint>

#include "translation/net/endpoint.h"
#include "translation/net/wire.h"

namespace nat::check {

inline constexpr std::size_t kMessageSize = 64;
using Octets = std::array<std::uint8_t, kMessageSize>;

inline void store64(std::uint8_t* at, std::uint64_t value) {
  store32(at, static_cast<std::uint32_t>(value >> 32));
  store32(at + 4, static_cast<std::uint32_t>(value));
}

inline std::uint64_t load64(const std::uint8_t* at) {
  return std::uint64_t{load32(at)} << 32 | load32(at + 4);
}

// An endpoint as it is: six octets.
inline void store_raw(std::uint8_t* at, const Endpoint& endpoint) {
  store32(at, endpoint.address.value());
  store16(at + 4, endpoint.port);
}

inline Endpoint load_raw(const std::uint8_t* at) { return {Address(load32(at)), load16(at + 4)}; }

// The endpoint with all of its bits turned over; twice is once not.
constexpr Endpoint complement(const Endpoint& endpoint) {
  return {Address(~endpoint.address.value()), static_cast<std::uint16_t>(~endpoint.port)};
}

}  // namespace nat::check
