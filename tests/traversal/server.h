// The rendezvous server S of RFC 5128: peers join by name over UDP or TCP, learn their external endpoint, and
// two who name each other learn the other's endpoints and a nonce. It passes on what they send each other by
// way of it.
//
// It keeps a bounded book and says nothing to an address that has not shown that it receives there: over UDP,
// joining takes a cookie. One message makes it send at most three.
#pragma once

#include <memory>

#include "tests/natcheck/datagram_port.h"
#include "tests/natcheck/signal_port.h"
#include "tests/natcheck/tcp_port.h"
#include "tests/traversal/book.h"
#include "tests/traversal/datagrams.h"
#include "translation/base/siphash.h"

namespace nat::traversal {

class Server {
 public:
  // Takes the port, UDP and TCP, or throws SetupError.
  explicit Server(const Endpoint& listen);

  // Serves until SIGTERM or SIGINT.
  void run();

  static constexpr std::size_t kStreams = 512;

 private:
  void step();
  void take(Protocol protocol, const Endpoint& from, const Message& message);
  void join(Protocol protocol, const Endpoint& from, const Message& message);
  void introduce(const Visitor& to, const Visitor& partner);
  void pass_on(Protocol protocol, const Endpoint& from, const Message& message);
  void send(Protocol protocol, const Endpoint& to, const Message& message);
  void forget_silent(TimePoint now);
  std::uint64_t cookie(const Endpoint& external, std::uint64_t run) const;

  check::SignalPort signals_;
  DatagramLine udp_;
  check::TcpPort tcp_;
  HashSecret secret_;
  Book book_;
};

}  // namespace nat::traversal
