#include "config/port_forward.h"

#include <algorithm>
#include <optional>

#include "config/value.h"

namespace nat {
namespace {

constexpr std::string_view kExample = "write it like 'tcp 8443 -> 10.0.0.1:443 name=web'";
constexpr std::size_t kLongestName = 32;

Diagnostic error(std::string message, std::string_view hint = kExample) {
  return {{}, "forward.rule", std::move(message), std::string(hint)};
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  const auto number = parse_number(text, 65535);
  if (!number || *number == 0) return std::nullopt;
  return static_cast<std::uint16_t>(*number);
}

std::optional<Endpoint> parse_host_endpoint(std::string_view text) {
  const auto endpoint = Endpoint::parse(text);
  if (!endpoint || endpoint->port == 0 || !is_unicast(endpoint->address)) return std::nullopt;
  return endpoint;
}

bool is_name(std::string_view text) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  return !text.empty() && text.size() <= kLongestName && letter(text.front()) &&
         std::all_of(text.begin(), text.end(), [&](char c) {
           return letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
         });
}

}  // namespace

Result<PortForward> make_port_forward(std::string_view protocol, std::string_view external,
                                      std::string_view internal, std::string_view name) {
  PortForward forward;
  const auto known = parse_protocol(protocol);
  if (!known || *known == Protocol::icmp) {
    return error("a port of " + in_quotes(protocol) + " cannot be forwarded", "the protocol is tcp or udp");
  }
  forward.protocol = *known;

  if (const auto port = parse_port(external)) {
    forward.external.port = *port;
  } else if (const auto endpoint = parse_host_endpoint(external)) {
    forward.external = *endpoint;
  } else {
    return error(in_quotes(external) + " is not an external port",
                 "write a port such as 8443, or address and port such as 203.0.113.5:8443");
  }

  if (const auto address = Address::parse(internal); address && is_unicast(*address)) {
    forward.internal = {*address, forward.external.port};
  } else if (const auto endpoint = parse_host_endpoint(internal)) {
    forward.internal = *endpoint;
  } else {
    return error(in_quotes(internal) + " is not an internal host",
                 "write address and port such as 10.0.0.1:443, or an address for the same port");
  }

  if (!name.empty() && !is_name(name)) {
    return error(in_quotes(name) + " is not a name for a port forward",
                 "begin with a letter and go on with letters, digits, '-', '_' or '.', 32 in all");
  }
  forward.name = std::string(name);
  return forward;
}

Result<PortForward> parse_port_forward(std::string_view text) {
  const auto arrow = text.find("->");
  if (arrow == std::string_view::npos) return error(in_quotes(text) + " is not a port forward");
  std::string_view left = trimmed(text.substr(0, arrow));
  std::string_view right = trimmed(text.substr(arrow + 2));
  const std::string_view protocol = take_word(left);
  const std::string_view external = take_word(left);
  const std::string_view internal = take_word(right);
  std::string_view name;
  if (right.starts_with("name=")) {
    right.remove_prefix(5);
    name = take_word(right);
    if (name.empty()) return error("the name is missing after 'name='");
  }
  if (!left.empty()) return error(in_quotes(left) + " does not belong before '->'");
  if (!right.empty()) return error(in_quotes(right) + " does not belong in a port forward");
  return make_port_forward(protocol, external, internal, name);
}

std::string format_port_forward(const PortForward& forward) {
  std::string text = std::string(to_string(forward.protocol)) + " ";
  text += forward.external.address.unspecified() ? std::to_string(forward.external.port)
                                                 : forward.external.to_string();
  text += " -> " + forward.internal.to_string();
  if (!forward.name.empty()) text += " name=" + forward.name;
  return text;
}

bool clash(const PortForward& a, const PortForward& b) {
  return a.protocol == b.protocol && a.external == b.external;
}

}  // namespace nat
