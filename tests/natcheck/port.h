// A port: something that descriptors belong to and that is served when they stir. Client and servers alike
// are a few ports and one loop over them; nothing blocks and nothing runs beside it.
#pragma once

#include <chrono>
#include <functional>
#include <span>
#include <vector>

#include <poll.h>

namespace nat::check {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using std::chrono::milliseconds;

class Port {
 public:
  Port() = default;
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;
  virtual ~Port() = default;

  // Appends the descriptors to watch; the next serve() gets the same ones back, in this order.
  virtual void watch(std::vector<pollfd>& descriptors) const = 0;
  virtual void serve(std::span<const pollfd> descriptors) = 0;
};

using Ports = std::vector<Port*>;

// Serves the ports once, waiting at most until `until` for one of them to stir.
void serve_once(const Ports& ports, TimePoint until);

// How often something is sent, how far apart, and how long from the beginning it is waited for.
struct Pace {
  unsigned tries;
  milliseconds interval;
  milliseconds patience;
};

// Serves the ports until `done`, asked after every stir, says so or patience ends; calls `send` at once and
// then at the pace given. Returns whether it is done.
bool exchange(const Ports& ports, const Pace& pace, const std::function<void()>& send,
              const std::function<bool()>& done);

}  // namespace nat::check
