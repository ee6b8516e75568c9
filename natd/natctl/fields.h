// Members of what natd sends, read with patience: a member that is missing or of another kind, as from an
// older or newer natd, is empty or zero.
#pragma once

#include <cstdint>
#include <string>

#include "natd/control/json.h"

namespace nat {

inline std::string text(const Json& object, const std::string& name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

inline std::uint64_t number(const Json& object, const std::string& name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number() ? found->get<std::uint64_t>() : 0;
}

inline std::string digits(const Json& object, const std::string& name) {
  return std::to_string(number(object, name));
}

inline double decimal(const Json& object, const std::string& name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number() ? found->get<double>() : 0;
}

inline bool flag(const Json& object, const std::string& name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_boolean() && found->get<bool>();
}

// Who had the mapping made, with its name: "configured \"web\"". Empty for traffic, which makes most of them.
inline std::string origin_of(const Json& mapping) {
  const std::string origin = text(mapping, "origin"), name = text(mapping, "name");
  if (name.empty()) return origin == "dynamic" ? "" : origin;
  return origin + " \"" + name + "\"";
}

// An object or a list; an empty one when it is missing.
inline const Json& part(const Json& object, const std::string& name) {
  static const Json kNothing = Json::array();
  const auto found = object.find(name);
  return found != object.end() && found->is_structured() ? *found : kNothing;
}

}  // namespace nat
