// How much of the remote endpoint matters, in the words of RFC 4787 sections 4.1 and 5. The same three
// answers serve mapping ("which packets of an internal endpoint share a mapping?") and filtering ("which
// remotes may use it?"), and the two are chosen independently for each protocol.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "translation/net/endpoint.h"

namespace nat {

enum class Behavior : std::uint8_t { endpoint_independent, address_dependent, address_and_port_dependent };

// "endpoint-independent".
const char* to_string(Behavior behavior);

// The part of the remote that a behaviour tells apart; the rest is zero.
constexpr Endpoint trim(Behavior behavior, Endpoint remote) {
  switch (behavior) {
    case Behavior::endpoint_independent:
      return {};
    case Behavior::address_dependent:
      return {remote.address, 0};
    case Behavior::address_and_port_dependent:
      break;
  }
  return remote;
}

// The names of RFC 3489 for four of the nine combinations, kept as aliases because they are in common use.
struct Preset {
  const char* name;
  Behavior mapping;
  Behavior filtering;
};

inline constexpr Preset kPresets[] = {
    {"full-cone", Behavior::endpoint_independent, Behavior::endpoint_independent},
    {"restricted-cone", Behavior::endpoint_independent, Behavior::address_dependent},
    {"port-restricted-cone", Behavior::endpoint_independent, Behavior::address_and_port_dependent},
    {"symmetric", Behavior::address_and_port_dependent, Behavior::address_and_port_dependent},
};

std::optional<Preset> parse_preset(std::string_view text);

}  // namespace nat
