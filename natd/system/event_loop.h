// The daemon's main thread waits in one place: file descriptors, signals, timers and wake-ups from other
// threads, all through one epoll. Packets do not come this way; datapaths have threads of their own.
//
// Handlers run in the loop's thread, one at a time, and may watch and forget descriptors, their own included.
// Errors of the kernel are std::system_error: they mean that a descriptor could not be made.
#pragma once

#include <csignal>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>

#include "natd/system/descriptor.h"
#include "translation/base/time.h"

namespace nat {

class EventLoop {
 public:
  // What happened, as EPOLLIN and its like.
  using Handler = std::function<void(std::uint32_t events)>;

  EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // The descriptor stays its owner's, who forgets it before closing it.
  void watch(int fd, std::uint32_t events, Handler handler);
  void forget(int fd);

  // Serves handlers until one of them calls stop().
  void run();
  void stop() { running_ = false; }

 private:
  Descriptor epoll_;
  std::map<int, std::shared_ptr<Handler>> handlers_;
  bool running_ = false;
};

// Calls back once at a time of monotonic_now(), or again and again.
class Timer {
 public:
  Timer(EventLoop& loop, std::function<void()> handler);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // Replaces the time that was set before; a time gone by means at once, kNever means not at all.
  void at(TimePoint when);
  void every(Duration interval);

 private:
  EventLoop& loop_;
  Descriptor fd_;
};

// Takes signals out of the process's hands and into the loop. Make it before any thread, so that they inherit
// the blocked signals. When it ends, the signals get back the effect that they had.
class Signals {
 public:
  Signals(EventLoop& loop, std::initializer_list<int> numbers, std::function<void(int)> handler);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

 private:
  EventLoop& loop_;
  Descriptor fd_;
  sigset_t blocked_{};
};

// Calls back in the loop's thread after any thread called wake(); several wakes may become one call.
class Wakeup {
 public:
  Wakeup(EventLoop& loop, std::function<void()> handler);
  ~Wakeup();
  Wakeup(const Wakeup&) = delete;
  Wakeup& operator=(const Wakeup&) = delete;

  void wake() noexcept;

 private:
  EventLoop& loop_;
  Descriptor fd_;
};

}  // namespace nat
