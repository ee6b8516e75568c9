// A UDP port that carries messages of natpunch.
#pragma once

#include <utility>
#include <vector>

#include "tests/natcheck/datagram_port.h"
#include "tests/traversal/message.h"

namespace nat::traversal {

struct Heard {
  Endpoint from;
  Message message;
};

class DatagramLine : public check::DatagramPort {
 public:
  using DatagramPort::DatagramPort;

  void send(const Message& message, const Endpoint& to) { send_octets(encode(message), to); }
  // What has arrived and was a message, oldest first; at most kKept.
  std::vector<Heard> take_heard() { return std::exchange(heard_, {}); }

 private:
  void hear(const Endpoint& from, std::span<const std::uint8_t> octets) override {
    Heard heard{from, {}};
    if (heard_.size() < kKept && parse(octets, heard.message)) heard_.push_back(std::move(heard));
  }

  std::vector<Heard> heard_;
};

}  // namespace nat::traversal
