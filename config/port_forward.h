// Port forwards as text: in the file (`rule = tcp 8443 -> 10.0.0.1:443 name=web`) and for natctl
// (`port-forward add tcp 8443 10.0.0.1:443 --name web`).
#pragma once

#include <string>
#include <string_view>

#include "config/diagnostic.h"
#include "translation/net/endpoint.h"

namespace nat {

// A mapping that the operator asks for. An unspecified external address means the first of the pool; port 0
// of the internal endpoint is not allowed.
struct PortForward {
  Protocol protocol = Protocol::tcp;
  Endpoint external;
  Endpoint internal;
  std::string name;
  bool operator==(const PortForward&) const = default;
};

// From the four words of natctl. `external` is "8443" or "203.0.113.5:8443"; `internal` is "10.0.0.1:443", or
// "10.0.0.1" for the same port; `name` may be empty.
Result<PortForward> make_port_forward(std::string_view protocol, std::string_view external,
                                      std::string_view internal, std::string_view name);

// "tcp 8443 -> 10.0.0.1:443 name=web".
Result<PortForward> parse_port_forward(std::string_view text);
std::string format_port_forward(const PortForward& forward);

// So many there may be.
inline constexpr std::size_t kMostPortForwards = 4096;

// Whether both ask for the same external endpoint.
bool clash(const PortForward& a, const PortForward& b);

}  // namespace nat
