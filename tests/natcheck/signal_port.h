// SIGTERM and SIGINT as something to poll for, so that a loop ends between two steps and never within one.
#pragma once

#include "tests/natcheck/port.h"
#include "tests/natcheck/socket.h"

namespace nat::check {

class SignalPort : public Port {
 public:
  SignalPort();  // from here on the two signals are blocked
  bool raised() const { return raised_; }

  void watch(std::vector<pollfd>& descriptors) const override {
    descriptors.push_back({signals_.get(), POLLIN, 0});
  }
  void serve(std::span<const pollfd> descriptors) override {
    raised_ = raised_ || descriptors[0].revents != 0;
  }

 private:
  Descriptor signals_;
  bool raised_ = false;
};

}  // namespace nat::check
