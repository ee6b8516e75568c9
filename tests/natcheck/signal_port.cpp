#include "tests/natcheck/signal_port.h"

#include <csignal>

#include <sys/signalfd.h>

namespace nat::check {

SignalPort::SignalPort() {
  sigset_t wanted;
  sigemptyset(&wanted);
  sigaddset(&wanted, SIGTERM);
  sigaddset(&wanted, SIGINT);
  sigprocmask(SIG_BLOCK, &wanted, nullptr);
  signals_ = Descriptor(signalfd(-1, &wanted, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!signals_) throw SetupError("cannot wait for signals");
}

}  // namespace nat::check
