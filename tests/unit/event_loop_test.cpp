#include "natd/system/event_loop.h"

#include <array>
#include <csignal>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "natd/engine/shared_engine.h"
#include "natd/system/clock.h"

namespace nat {
namespace {

// Ends a loop that would otherwise wait for ever.
class Deadline {
 public:
  explicit Deadline(EventLoop& loop) : timer_(loop, [this, &loop] { missed_ = true, loop.stop(); }) {
    timer_.at(monotonic_now() + std::chrono::seconds(10));
  }
  bool missed() const { return missed_; }

 private:
  bool missed_ = false;
  Timer timer_;
};

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    EXPECT_EQ(pipe(ends.data()), 0);
    out = Descriptor(ends[0]);
    in = Descriptor(ends[1]);
  }
  Descriptor out, in;
};

TEST(EventLoop, CallsTheHandlerOfAReadableDescriptor) {
  EventLoop loop;
  const Deadline deadline(loop);
  const Pipe pipe;
  char got = 0;
  loop.watch(pipe.out.get(), EPOLLIN, [&](std::uint32_t events) {
    EXPECT_TRUE(events & EPOLLIN);
    EXPECT_EQ(read(pipe.out.get(), &got, 1), 1);
    loop.stop();
  });
  ASSERT_EQ(write(pipe.in.get(), "x", 1), 1);
  loop.run();
  EXPECT_EQ(got, 'x');
  EXPECT_FALSE(deadline.missed());
}

TEST(EventLoop, AForgottenDescriptorIsNotServedEvenWhenItWasReadyInTheSameRound) {
  EventLoop loop;
  const Deadline deadline(loop);
  const Pipe first;
  const Pipe second;
  int served = 0;
  const auto handler = [&](std::uint32_t) {
    ++served;
    loop.forget(first.out.get());
    loop.forget(second.out.get());
  };
  loop.watch(first.out.get(), EPOLLIN, handler);
  loop.watch(second.out.get(), EPOLLIN, handler);
  Wakeup stop(loop, [&] { loop.stop(); });
  ASSERT_EQ(write(first.in.get(), "x", 1), 1);
  ASSERT_EQ(write(second.in.get(), "x", 1), 1);
  Timer later(loop, [&] { stop.wake(); });
  later.at(monotonic_now());
  loop.run();
  EXPECT_EQ(served, 1);
  EXPECT_FALSE(deadline.missed());
}

TEST(Timer, FiresNotBeforeItsTime) {
  EventLoop loop;
  const Deadline deadline(loop);
  const TimePoint due = monotonic_now() + std::chrono::milliseconds(20);
  TimePoint fired{};
  Timer timer(loop, [&] { fired = monotonic_now(), loop.stop(); });
  timer.at(due);
  loop.run();
  EXPECT_GE(fired, due);
  EXPECT_FALSE(deadline.missed());
}

TEST(Timer, ATimeGoneByMeansAtOnceAndNeverMeansNotAtAll) {
  EventLoop loop;
  const Deadline deadline(loop);
  int never = 0;
  Timer off(loop, [&] { ++never; });
  off.at(monotonic_now());
  off.at(kNever);
  Timer past(loop, [&] { loop.stop(); });
  past.at(TimePoint{});
  loop.run();
  EXPECT_EQ(never, 0);
  EXPECT_FALSE(deadline.missed());
}

TEST(Timer, RepeatsUntilItIsToldOtherwise) {
  EventLoop loop;
  const Deadline deadline(loop);
  int ticks = 0;
  Timer timer(loop, [&] {
    if (++ticks == 3) loop.stop();
  });
  timer.every(std::chrono::milliseconds(2));
  loop.run();
  EXPECT_EQ(ticks, 3);
  EXPECT_FALSE(deadline.missed());
}

TEST(Signals, ComeThroughTheLoopInsteadOfEndingTheProcess) {
  EventLoop loop;
  const Deadline deadline(loop);
  std::vector<int> got;
  {
    const Signals signals(loop, {SIGUSR1, SIGUSR2}, [&](int number) {
      got.push_back(number);
      if (got.size() == 2) loop.stop();
    });
    kill(getpid(), SIGUSR1);
    kill(getpid(), SIGUSR2);
    loop.run();
  }
  EXPECT_EQ(got, (std::vector<int>{SIGUSR1, SIGUSR2}));
  EXPECT_FALSE(deadline.missed());
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  EXPECT_FALSE(sigismember(&mask, SIGUSR1));
}

TEST(Wakeup, ReachesTheLoopFromAnotherThread) {
  EventLoop loop;
  const Deadline deadline(loop);
  const auto self = std::this_thread::get_id();
  std::thread::id served;
  Wakeup wakeup(loop, [&] { served = std::this_thread::get_id(), loop.stop(); });
  std::thread other([&] { wakeup.wake(); });
  loop.run();
  other.join();
  EXPECT_EQ(served, self);
  EXPECT_FALSE(deadline.missed());
}

}  // namespace
}  // namespace nat
