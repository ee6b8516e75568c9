// How a peer speaks, to S and to the other peer, from one local port: a DatagramLine over UDP, streams over
// TCP. What is sent where is the same for both; that a stream must be made first is hidden here.
#pragma once

#include <memory>

#include "tests/traversal/datagrams.h"
#include "tests/traversal/settings.h"

namespace nat::traversal {

// What gateways and hosts have answered to packets that were sent to the other peer.
struct Rebuffs {
  unsigned resets = 0;
  unsigned icmp_errors = 0;
};

class Line {
 public:
  virtual ~Line() = default;

  virtual check::Port& port() = 0;
  virtual const Endpoint& local() const = 0;

  // Makes a way to the endpoint if one must be made and nothing is under way there; tries again kRetry after
  // it was refused. Call it as often as you like.
  virtual void reach(const Endpoint& remote, TimePoint now) = 0;
  // Gives up ways that are not made yet, except to `kept`.
  virtual void stop_reaching(const Endpoint& kept) = 0;
  // Sends, if there is a way.
  virtual void send(const Message& message, const Endpoint& to) = 0;
  // Ends the way to the endpoint, where there is one.
  virtual void cut(const Endpoint& remote) = 0;

  virtual std::vector<Heard> take_heard() = 0;
  // Ways that we made and that have opened since the last call.
  virtual std::vector<Endpoint> take_opened() = 0;
  virtual const Rebuffs& rebuffs() = 0;
};

// The local port of the settings; `rebuffs` does not count what comes from the server. Throws SetupError.
std::unique_ptr<Line> make_line(Protocol protocol, const Endpoint& local, const Endpoint& server);

}  // namespace nat::traversal
