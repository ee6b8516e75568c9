// A ping over a stream to a server, and the pong that answers it.
#pragma once

#include <optional>

#include "tests/natcheck/tcp_port.h"

namespace nat::check {

struct Question {
  Stream* stream;  // may still be connecting; the ping leaves once it is open
  Message ping;
  bool asked = false;
  std::optional<Message> answer = std::nullopt;

  std::optional<Endpoint> observed() const { return answer ? std::optional(answer->observed) : std::nullopt; }
};

// Serves the ports until every question is answered or its stream is over, or patience ends. Other messages
// that come over the streams meanwhile are lost.
void ask(const Ports& ports, const std::vector<Question*>& questions, milliseconds patience);

}  // namespace nat::check
