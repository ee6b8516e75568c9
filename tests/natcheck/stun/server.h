// A STUN server for behaviour discovery (RFC 5780): one address, or two with two ports each, over UDP and
// TCP. What it answers is in reply.h; this is the sockets, and the bounds: so many answers a second over all,
// so many connections on each endpoint, none of them silent for long.
#pragma once

#include <memory>

#include "tests/natcheck/allowance.h"
#include "tests/natcheck/signal_port.h"
#include "tests/natcheck/stun/port.h"
#include "tests/natcheck/stun/reply.h"
#include "tests/natcheck/stun/stream.h"

namespace nat::check::stun {

class Server {
 public:
  // Takes every endpoint of the layout, or throws SetupError.
  explicit Server(const Layout& layout);

  // Serves until SIGTERM or SIGINT.
  void run();

  static constexpr double kBurst = 1000, kPerSecond = 500;  // answers over UDP, to all clients together
  static constexpr std::size_t kStreams = 64;               // on each endpoint
  static constexpr milliseconds kIdle{30'000};  // a connection that says nothing for so long is closed

 private:
  // Accepts connections on one endpoint.
  class Listener : public check::Port {
   public:
    explicit Listener(const Endpoint& local);

    const Endpoint& local() const { return local_; }
    std::vector<std::unique_ptr<Stream>>& streams() { return streams_; }
    void close_idle(TimePoint now);

    void watch(std::vector<pollfd>& descriptors) const override;
    void serve(std::span<const pollfd> descriptors) override;

   private:
    void accept_all();

    Descriptor socket_;
    Endpoint local_;
    std::vector<std::unique_ptr<Stream>> streams_;
  };

  void step();
  void answer_datagrams(Port& port);
  void answer_streams(Listener& listener);
  Port* port_at(const Endpoint& local);

  Layout layout_;
  SignalPort signals_;
  std::vector<std::unique_ptr<Port>> ports_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  Allowance allowance_{kBurst, kPerSecond};
};

}  // namespace nat::check::stun
