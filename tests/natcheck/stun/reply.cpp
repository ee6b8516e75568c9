#include "tests/natcheck/stun/reply.h"

#include <algorithm>

namespace nat::check::stun {
namespace {

constexpr std::uint16_t kBadRequest = 400, kUnknownAttribute = 420;

Message refusal(const Message& request, std::uint16_t error, std::vector<std::uint16_t> unknown = {}) {
  Message message;
  message.kind = Class::error;
  message.transaction = request.transaction;
  message.error = error;
  message.unknown = std::move(unknown);
  return message;
}

// The attributes that this server cannot follow here.
std::vector<std::uint16_t> unknown_in(const Message& request, Protocol protocol, const Layout& layout) {
  std::vector<std::uint16_t> unknown = request.not_understood;
  const bool datagram = protocol == Protocol::udp;
  if (request.change && (!datagram || !layout.alternate)) unknown.push_back(kChangeRequest);
  if (request.response_port && !datagram) unknown.push_back(kResponsePort);
  if (request.padding && !datagram) unknown.push_back(kPadding);
  constexpr std::size_t kNamed = 16;
  if (unknown.size() > kNamed) unknown.resize(kNamed);
  return unknown;
}

}  // namespace

Endpoint Layout::other_than(const Endpoint& arrival, const Change& change) const {
  Endpoint other = arrival;
  if (change.address)
    other.address = arrival.address == primary.address ? alternate->address : primary.address;
  if (change.port) other.port = arrival.port == primary.port ? alternate->port : primary.port;
  return other;
}

std::optional<Endpoint> Layout::other_address(const Endpoint& arrival) const {
  if (!alternate || fixed_other) return alternate;
  return other_than(arrival, {true, true});
}

std::vector<Endpoint> Layout::endpoints() const {
  if (!alternate) return {primary};
  return {primary, other_than(primary, {false, true}), other_than(primary, {true, false}), *alternate};
}

std::optional<Reply> reply(const Message& request, Protocol protocol, const Endpoint& arrival,
                           const Endpoint& client, const Layout& layout) {
  if (request.kind != Class::request) return std::nullopt;
  Reply made{arrival, client, {}};
  if (auto unknown = unknown_in(request, protocol, layout); !unknown.empty()) {
    made.message = refusal(request, kUnknownAttribute, std::move(unknown));
    return made;
  }
  if (request.response_port && (request.padding || *request.response_port == 0)) {
    made.message = refusal(request, kBadRequest);
    return made;
  }
  if (request.change) made.from = layout.other_than(arrival, *request.change);
  if (request.response_port) made.to.port = *request.response_port;
  made.message.kind = Class::success;
  made.message.transaction = request.transaction;
  made.message.mapped = made.message.xor_mapped = client;
  made.message.response_origin = made.from;
  made.message.other_address = layout.other_address(arrival);
  if (request.padding) made.message.padding = std::min(*request.padding, kLongestPadding);
  return made;
}

}  // namespace nat::check::stun
