// What a server says to a request, and between which endpoints: RFC 5780 section 6.1, without a socket.
#pragma once

#include "tests/natcheck/stun/message.h"

namespace nat::check::stun {

// Where a server can be asked: one address and port, or two addresses with two ports each.
struct Layout {
  Endpoint primary;                   // A1:P1
  std::optional<Endpoint> alternate;  // A2:P2, different in both
  // OTHER-ADDRESS is A2:P2 wherever a request arrives. RFC 5780 section 7.4 wants what differs from the
  // arrival in both; coturn's server does not do so, and its tester relies on that.
  bool fixed_other = false;

  // The endpoint that differs from `arrival` in address, in port, or in both. Needs the alternate.
  Endpoint other_than(const Endpoint& arrival, const Change& change) const;
  // OTHER-ADDRESS for a request that arrives there; nothing without an alternate.
  std::optional<Endpoint> other_address(const Endpoint& arrival) const;
  std::vector<Endpoint> endpoints() const;
};

struct Reply {
  Endpoint from;
  Endpoint to;
  Message message;
};

// Padding of an answer: no more than the question had, and never more than this, which fills an Ethernet
// frame.
inline constexpr std::uint16_t kLongestPadding = 1500;

// The answer to `request`, which came from `client` to `arrival`. Nothing for what is no request: a server
// that answered answers could be set upon another. It goes to the address that asked and never to another;
// what only makes sense over UDP is unknown (error 420) over TCP.
std::optional<Reply> reply(const Message& request, Protocol protocol, const Endpoint& arrival,
                           const Endpoint& client, const Layout& layout);

}  // namespace nat::check::stun
