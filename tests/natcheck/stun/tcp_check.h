// What RFC 5780 does over TCP: the mapping, from one port to the server's endpoints; beyond that, whether the
// payload stays what it is and whether ports can be predicted.
#pragma once

#include "tests/natcheck/stun/findings.h"
#include "tests/natcheck/stun/inquirer.h"
#include "tests/natcheck/stun/stream.h"

namespace nat::check::stun {

class TcpCheck {
 public:
  explicit TcpCheck(const Settings& settings) : settings_(settings) {}

  // Throws SetupError where no local port can be had.
  Findings run();

 private:
  struct Asked {
    std::unique_ptr<Stream> stream;
    Message request;
    bool sent = false;
    std::optional<Message> answer = std::nullopt;
    std::optional<Endpoint> observed() const;
  };

  Asked dial(const Endpoint& local, const Endpoint& server) const;
  void ask(std::vector<Asked>& asked);
  void observe();
  void allocate();

  const Settings& settings_;
  Findings findings_;
};

}  // namespace nat::check::stun
