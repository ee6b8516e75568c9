// One UDP port of this host: sends messages, keeps those that arrive, and the ICMP errors that come back.
#pragma once

#include "tests/natcheck/datagram_port.h"
#include "tests/natcheck/message.h"

namespace nat::check {

struct Datagram {
  Endpoint from;
  Message message;
};

class UdpPort : public DatagramPort {
 public:
  using DatagramPort::DatagramPort;

  void send(const Message& message, const Endpoint& to) { send_octets(encode(message), to); }

  // What has arrived and was a message, oldest first, until take_heard() takes it away. At most kKept; later
  // ones are lost, as datagrams may be.
  const std::vector<Datagram>& heard() const { return heard_; }
  std::vector<Datagram> take_heard() { return std::exchange(heard_, {}); }

 private:
  void hear(const Endpoint& from, std::span<const std::uint8_t> octets) override {
    Datagram datagram{from, {}};
    if (heard_.size() < kKept && parse(octets, datagram.message)) heard_.push_back(datagram);
  }

  std::vector<Datagram> heard_;
};

}  // namespace nat::check
