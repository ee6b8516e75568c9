#include "natd/system/event_loop.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

namespace nat {
namespace {

int checked(int result, const char* call) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), call);
  return result;
}

// Reads the counter of a timerfd or an eventfd. False when another reader was faster.
bool drain(int fd) {
  std::uint64_t count = 0;
  return read(fd, &count, sizeof count) == sizeof count;
}

timespec to_timespec(Duration duration) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(duration);
  const auto rest = std::chrono::duration_cast<std::chrono::nanoseconds>(duration - seconds);
  return {static_cast<time_t>(seconds.count()), static_cast<long>(rest.count())};
}

}  // namespace

EventLoop::EventLoop() : epoll_(checked(epoll_create1(EPOLL_CLOEXEC), "epoll_create1")) {}

void EventLoop::watch(int fd, std::uint32_t events, Handler handler) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  checked(epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
  handlers_[fd] = std::make_shared<Handler>(std::move(handler));
}

void EventLoop::forget(int fd) {
  if (handlers_.erase(fd) == 0) return;
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

void EventLoop::run() {
  running_ = true;
  while (running_) {
    std::array<epoll_event, 16> events;
    const int count = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), -1);
    if (count < 0 && errno == EINTR) continue;
    checked(count, "epoll_wait");
    for (int i = 0; i < count && running_; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      const auto found = handlers_.find(event.data.fd);
      if (found == handlers_.end()) continue;  // forgotten by a handler before it
      const auto handler = found->second;      // outlives its own forget()
      (*handler)(event.events);
    }
  }
}

Timer::Timer(EventLoop& loop, std::function<void()> handler)
    : loop_(loop),
      fd_(checked(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), "timerfd_create")) {
  loop_.watch(fd_.get(), EPOLLIN, [fd = fd_.get(), handler = std::move(handler)](std::uint32_t) {
    if (drain(fd)) handler();
  });
}

Timer::~Timer() { loop_.forget(fd_.get()); }

void Timer::at(TimePoint when) {
  itimerspec spec{};
  // All zeros would switch the timer off; the engine's clock is far beyond 1 ms when a process runs.
  if (when != kNever) spec.it_value = to_timespec(std::max(when.time_since_epoch(), Duration(1)));
  checked(timerfd_settime(fd_.get(), TFD_TIMER_ABSTIME, &spec, nullptr), "timerfd_settime");
}

void Timer::every(Duration interval) {
  const itimerspec spec{to_timespec(interval), to_timespec(interval)};
  checked(timerfd_settime(fd_.get(), 0, &spec, nullptr), "timerfd_settime");
}

Signals::Signals(EventLoop& loop, std::initializer_list<int> numbers, std::function<void(int)> handler)
    : loop_(loop) {
  sigset_t wanted;
  sigset_t before;
  sigemptyset(&wanted);
  for (const int number : numbers) sigaddset(&wanted, number);
  sigprocmask(SIG_BLOCK, &wanted, &before);
  sigemptyset(&blocked_);
  for (const int number : numbers) {
    if (sigismember(&before, number) == 0) sigaddset(&blocked_, number);
  }
  fd_ = Descriptor(checked(signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK), "signalfd"));
  loop_.watch(fd_.get(), EPOLLIN, [fd = fd_.get(), handler = std::move(handler)](std::uint32_t) {
    signalfd_siginfo info;
    while (read(fd, &info, sizeof info) == sizeof info) handler(static_cast<int>(info.ssi_signo));
  });
}

Signals::~Signals() {
  loop_.forget(fd_.get());
  sigprocmask(SIG_UNBLOCK, &blocked_, nullptr);
}

Wakeup::Wakeup(EventLoop& loop, std::function<void()> handler)
    : loop_(loop), fd_(checked(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")) {
  loop_.watch(fd_.get(), EPOLLIN, [fd = fd_.get(), handler = std::move(handler)](std::uint32_t) {
    if (drain(fd)) handler();
  });
}

Wakeup::~Wakeup() { loop_.forget(fd_.get()); }

void Wakeup::wake() noexcept {
  const std::uint64_t one = 1;
  // Fails only when the counter is full, and then the loop is awake already.
  [[maybe_unused]] const auto written = write(fd_.get(), &one, sizeof one);
}

}  // namespace nat
