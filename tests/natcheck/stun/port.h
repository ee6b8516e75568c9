// One UDP port of this host that speaks STUN.
#pragma once

#include "tests/natcheck/datagram_port.h"
#include "tests/natcheck/stun/message.h"

namespace nat::check::stun {

struct Heard {
  Endpoint from;
  Message message;
};

class Port : public DatagramPort {
 public:
  using DatagramPort::DatagramPort;

  void send(const Message& message, const Endpoint& to) { send_octets(encode(message), to); }

  // What has arrived and was a message, oldest first, until take_heard() takes it away; at most kKept.
  const std::vector<Heard>& heard() const { return heard_; }
  std::vector<Heard> take_heard() { return std::exchange(heard_, {}); }

  // The message of a transaction that has arrived here, of any class but the one given; nothing if none has.
  const Heard* find(const Transaction& transaction, Class except = Class::request) const;

 private:
  void hear(const Endpoint& from, std::span<const std::uint8_t> octets) override;

  std::vector<Heard> heard_;
};

}  // namespace nat::check::stun
