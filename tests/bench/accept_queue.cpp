// The yardstick for the netfilter queue datapath: reads every packet of the queues and accepts it as it came.
// It uses the same queues, batches and system calls as natd (natd/datapath/nfqueue/queue.h), so that the
// ratio between the two shows what translating costs, and carrying packets back.
//
//   accept_queue FIRST_QUEUE QUEUES     until SIGTERM or SIGINT; the rules that queue packets are the
//   caller's
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <thread>
#include <vector>

#include <poll.h>

#include "natd/datapath/nfqueue/queue.h"

namespace {

constexpr std::uint32_t kQueueLength = 8192;  // natd's default

[[noreturn]] void accept_all(nat::Queue& queue) {
  pollfd waiting{queue.descriptor(), POLLIN, 0};
  for (;;) {
    poll(&waiting, 1, -1);
    const std::size_t count = queue.receive().size();
    for (std::size_t i = 0; i < count; ++i) queue.decide(i, nat::QueueVerdict{.accept = true});
    queue.flush();
  }
}

}  // namespace

int main(int argc, char** argv) {
  const int first = argc == 3 ? std::atoi(argv[1]) : 0;
  const int queues = argc == 3 ? std::atoi(argv[2]) : 0;
  if (queues < 1) {
    std::fputs("usage: accept_queue FIRST_QUEUE QUEUES\n", stderr);
    return 2;
  }
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGTERM);
  sigaddset(&ending, SIGINT);
  sigprocmask(SIG_BLOCK, &ending, nullptr);
  try {
    std::vector<std::unique_ptr<nat::Queue>> bound;
    for (int i = 0; i < queues; ++i) {
      bound.push_back(std::make_unique<nat::Queue>(static_cast<std::uint16_t>(first + i), kQueueLength));
    }
    for (auto& queue : bound) std::thread([&queue] { accept_all(*queue); }).detach();
    std::puts("accept_queue: ready");
    std::fflush(stdout);
    int received = 0;
    sigwait(&ending, &received);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "accept_queue: %s\n", error.what());
    return 1;
  }
  // The queues end with the process, under threads that never return.
  std::_Exit(0);
}
