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

std::optional<Behavior> parse_behavior(std::string_view text) {
  for (const auto behavior :
       {Behavior::endpoint_independent, Behavior::address_dependent, Behavior::address_and_port_dependent}) {
    if (text == to_string(behavior)) return behavior;
  }
  return std::nullopt;
}

std::optional<Preset> parse_preset(std::string_view text) {
  for (const Preset& preset : kPresets) {
    if (text == preset.name) return preset;
  }
  return std::nullopt;
}

}  // namespace nat
