#include "translation/net/endpoint.h"

#include <charconv>

namespace nat {

const char* to_string(Protocol protocol) {
  switch (protocol) {
    case Protocol::icmp:
      return "icmp";
    case Protocol::tcp:
      return "tcp";
    case Protocol::udp:
      return "udp";
  }
  return "unknown";
}

std::optional<Protocol> parse_protocol(std::string_view text) {
  for (const Protocol protocol : kProtocols) {
    if (text == to_string(protocol)) return protocol;
  }
  return std::nullopt;
}

const char* to_string(Realm realm) { return realm == Realm::internal ? "internal" : "external"; }

std::optional<Protocol> protocol_of(std::uint8_t number) {
  for (const Protocol protocol : kProtocols) {
    if (static_cast<std::uint8_t>(protocol) == number) return protocol;
  }
  return std::nullopt;
}

std::optional<Endpoint> Endpoint::parse(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto address = Address::parse(text.substr(0, colon));
  const std::string_view digits = text.substr(colon + 1);
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (!address || digits.empty() || error != std::errc{} || end != digits.data() + digits.size()) {
    return std::nullopt;
  }
  return Endpoint{*address, port};
}

std::string Endpoint::to_string() const { return address.to_string() + ":" + std::to_string(port); }

}  // namespace nat
