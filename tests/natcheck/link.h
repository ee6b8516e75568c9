// The second server's connection to the third. It is TCP so that no other host can speak in the second
// server's name without being on the path; it is dialled again for as long as the server runs.
#pragma once

#include "tests/natcheck/tcp_port.h"

namespace nat::check {

class Link {
 public:
  Link(Address local, const Endpoint& remote) : port_({local, 0}, 1, false), remote_(remote) {}

  // False if there is no connection to send it over.
  bool send(const Message& message);
  std::vector<Message> take_heard();

  TcpPort& port() { return port_; }
  void follow(TimePoint now);
  TimePoint next_deadline() const { return next_attempt_; }

 private:
  TcpPort port_;
  Endpoint remote_;
  Stream* stream_ = nullptr;
  TimePoint next_attempt_ = TimePoint::min();
};

}  // namespace nat::check
