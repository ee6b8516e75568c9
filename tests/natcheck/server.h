// One of the three servers of NAT Check. It answers well-formed messages only, each with at most one message
// of the same size to the asker; what a role does beyond that is bounded in role.h and prober.h.
#pragma once

#include "tests/natcheck/role.h"
#include "tests/natcheck/signal_port.h"

namespace nat::check {

class Server {
 public:
  // Takes the ports, or throws SetupError.
  explicit Server(const ServerSettings& settings);

  // Serves until SIGTERM or SIGINT.
  void run();

  static constexpr milliseconds kIdle{120'000};  // a stream that says nothing for so long is closed

 private:
  void step();
  void answer(UdpPort& port, bool main, const Datagram& datagram);
  void answer(Stream& stream, bool main, const Message& message);
  void close_idle(TimePoint now);

  SignalPort signals_;
  CookieJar cookies_;
  ServerPorts ports_;
  std::unique_ptr<Role> role_;
};

}  // namespace nat::check
