// Raw packets in tests: plain octets, from the IP header on.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "translation/net/endpoint.h"

namespace nat::test {

using Octets = std::vector<std::uint8_t>;

// "10.0.0.1" and "10.0.0.1:4321"; a test that writes nonsense ends there.
inline Address address(std::string_view text) {
  const auto parsed = Address::parse(text);
  if (!parsed) std::abort();
  return *parsed;
}
inline Endpoint endpoint(std::string_view text) {
  const auto parsed = Endpoint::parse(text);
  if (!parsed) std::abort();
  return *parsed;
}

inline Octets octets(std::string_view text) { return {text.begin(), text.end()}; }

}  // namespace nat::test
