// Asks a STUN server, many questions at a time, at the rate that RFC 5780 allows: from fresh ports, with
// transactions that cannot be guessed, and again where no answer comes.
#pragma once

#include <memory>

#include "tests/natcheck/stun/port.h"
#include "tests/natcheck/stun/settings.h"

namespace nat::check::stun {

struct Question {
  Question(Port& asker, const Endpoint& to, const Message& what = {});

  Port* port;
  Endpoint server;
  Message request;
  Port* answer_port;            // where the answer is awaited; the port itself unless set otherwise
  std::optional<Heard> answer;  // of class success
  bool refused = false;         // the server said no, or a router did

  // The asker's endpoint as the server saw it.
  std::optional<Endpoint> observed() const;
};

class Inquirer {
 public:
  explicit Inquirer(const Settings& settings) : settings_(settings) {}

  // A port that has contacted no host, 32768 to 65535 at random. Throws SetupError if none can be had.
  std::unique_ptr<Port> fresh_port() const;

  // Asks until all are answered or refused, or the time for an answer is over.
  void ask(const std::vector<Question*>& questions) const;
  void ask(Question& question) const { ask(std::vector{&question}); }
  // The same where silence is an answer too: three tries, and the time for silence.
  void ask_unsure(const std::vector<Question*>& questions) const;

  // Lets time pass, the ports served meanwhile.
  void wait_until(const std::vector<Port*>& ports, TimePoint end) const;

 private:
  void ask_at(const Pace& pace, const std::vector<Question*>& questions) const;
  void await_turn(const Ports& ports) const;

  const Settings& settings_;
  mutable TimePoint turn_ = TimePoint::min();  // of the next new transaction
};

Transaction random_transaction();

// A local port to bind, 32768 to 65535 at random, and none that this program had before: a gateway would
// know whom that one has contacted. Not for several threads.
std::uint16_t random_fresh_port();

}  // namespace nat::check::stun
