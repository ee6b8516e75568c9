// One UDP port of this host: sends messages, keeps those that arrive, and the ICMP errors that come back.
#pragma once

#include "tests/natcheck/message.h"
#include "tests/natcheck/port.h"
#include "tests/natcheck/socket.h"

namespace nat::check {

struct Datagram {
  Endpoint from;
  Message message;
};

class UdpPort : public Port {
 public:
  // Throws SetupError where the endpoint cannot be had.
  explicit UdpPort(const Endpoint& local);

  const Endpoint& local() const { return local_; }
  void send(const Message& message, const Endpoint& to);

  // What has arrived and was a message, and the errors, oldest first, until take_ takes them away. At most
  // kKept of each; later ones are lost, as datagrams may be.
  const std::vector<Datagram>& heard() const { return heard_; }
  const std::vector<IcmpError>& errors() const { return errors_; }
  std::vector<Datagram> take_heard() { return std::exchange(heard_, {}); }
  std::vector<IcmpError> take_errors() { return std::exchange(errors_, {}); }

  void watch(std::vector<pollfd>& descriptors) const override;
  void serve(std::span<const pollfd> descriptors) override;

  static constexpr std::size_t kKept = 512;

 private:
  void receive();
  void collect_errors();

  Descriptor socket_;
  Endpoint local_;
  std::vector<Datagram> heard_;
  std::vector<IcmpError> errors_;
};

}  // namespace nat::check
