// JSON as the control protocol speaks it: members keep the command in which they were put, so that what a
// person reads with socat is in the order of docs/control-protocol.md.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace nat {

using Json = nlohmann::ordered_json;

// On one line. Octets that are not UTF-8, which can only come from the other side, are replaced.
inline std::string compact(const Json& message) {
  return message.dump(-1, ' ', false, Json::error_handler_t::replace);
}
inline std::string to_line(const Json& message) { return compact(message) + "\n"; }

}  // namespace nat
