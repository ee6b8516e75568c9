#include "filtering/behavior.h"

namespace nat {

const char* to_string(Behavior behavior) {
  switch (behavior) {
    case Behavior::endpoint_independent:
      return "endpoint-independent";
    case Behavior::address_dependent:
      return "address-dependent";
    case Behavior::address_and_port_dependent:
      return "address-and-port-dependent";
  }
  return "unknown";
}

std::optional<Preset> parse_preset(std::string_view text) {
  for (const Preset& preset : kPresets) {
    if (text == preset.name) return preset;
  }
  return std::nullopt;
}

}  // namespace nat
