// How much a server does for unknown hosts: so much at once, so much a second after that.
#pragma once

#include <algorithm>
#include <chrono>

#include "tests/natcheck/port.h"

namespace nat::check {

class Allowance {
 public:
  Allowance(double burst, double per_second) : burst_(burst), per_second_(per_second), left_(burst) {}

  // Takes one; false when there is none.
  bool take(TimePoint now) {
    const std::chrono::duration<double> passed = now - refilled_;
    left_ = std::min(burst_, left_ + passed.count() * per_second_);
    refilled_ = now;
    if (left_ < 1) return false;
    left_ -= 1;
    return true;
  }

 private:
  const double burst_, per_second_;
  double left_;
  TimePoint refilled_ = Clock::now();
};

}  // namespace nat::check
