#include "tests/natcheck/port.h"

#include <algorithm>

namespace nat::check {
namespace {

constexpr milliseconds kLongestPoll{60'000};  // "for ever" is asked for again

}  // namespace

void serve_once(const Ports& ports, TimePoint until) {
  std::vector<pollfd> descriptors;
  std::vector<std::size_t> starts;
  for (const Port* port : ports) {
    starts.push_back(descriptors.size());
    port->watch(descriptors);
  }
  starts.push_back(descriptors.size());
  const TimePoint now = Clock::now();
  const auto left = std::clamp(until, now, now + kLongestPoll) - now;
  const auto timeout = static_cast<int>(std::chrono::ceil<milliseconds>(left).count());
  if (poll(descriptors.data(), descriptors.size(), timeout) <= 0) return;
  const std::span<const pollfd> all(descriptors);
  for (std::size_t i = 0; i < ports.size(); ++i)
    ports[i]->serve(all.subspan(starts[i], starts[i + 1] - starts[i]));
}

bool exchange(const Ports& ports, const Pace& pace, const std::function<void()>& send,
              const std::function<bool()>& done) {
  const TimePoint begin = Clock::now(), end = begin + pace.patience;
  TimePoint next_send = begin;
  for (unsigned sent = 0;;) {
    const TimePoint now = Clock::now();
    if (sent < pace.tries && now >= next_send) {
      send();
      ++sent;
      next_send += pace.interval;
    }
    if (done()) return true;
    if (now >= end) return false;
    serve_once(ports, sent < pace.tries ? std::min(next_send, end) : end);
  }
}

}  // namespace nat::check
