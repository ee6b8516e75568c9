// What a server does beyond reporting to a client what it sees: the second server has clients contacted
// unasked, the third contacts them without having been contacted. Also the four ports of a server, which the
// roles work with.
#pragma once

#include <memory>
#include <optional>

#include "tests/natcheck/cookie.h"
#include "tests/natcheck/prober.h"

namespace nat::check {

struct ServerSettings {
  unsigned role = 1;                     // 1, 2, 3
  Endpoint listen;                       // the main port; the second port is the next number
  std::optional<Endpoint> third_server;  // role 2: whom to forward to
  std::optional<Address> second_server;  // role 3: whose forwards to obey
};

// Index 0 is the main port, 1 the second one.
struct ServerPorts {
  explicit ServerPorts(const Endpoint& listen);

  static constexpr std::size_t kStreams = 256;  // in each TCP port

  UdpPort udp[2];
  TcpPort tcp[2];
};

class Role {
 public:
  virtual ~Role() = default;

  // A probe or forward that came to the main port.
  virtual void datagram(const Datagram& datagram) = 0;
  virtual void message(Stream& stream, const Message& message) = 0;

  // What a pong over this stream says about how it came to be.
  virtual Outcome connection_outcome(const Stream&) const { return Outcome::none; }
  // A stream that may be silent for as long as it likes.
  virtual bool keeps(const Stream&) const { return false; }

  virtual void watch(Ports&) {}
  virtual void follow(TimePoint) {}
  virtual TimePoint next_deadline() const { return TimePoint::max(); }
};

std::unique_ptr<Role> make_first_role(ServerPorts& ports);
std::unique_ptr<Role> make_second_role(ServerPorts& ports, const ServerSettings& settings,
                                       const CookieJar& cookies);
std::unique_ptr<Role> make_third_role(ServerPorts& ports, const ServerSettings& settings);

// The answer that says: no server here can do this.
Message unavailable(const Message& request, const Endpoint& client);

}  // namespace nat::check
