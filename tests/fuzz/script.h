// An input read as a script: octets from its begin on, zeros and nothing behind its end.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "tests/support/octets.h"

namespace nat::test {

// Ends the run as a finding where it does not hold.
inline void must(bool holds) {
  if (!holds) std::abort();
}

class Script {
 public:
  Script(const std::uint8_t* data, std::size_t size) : at_(data), end_(data + size) {}
  bool done() const { return at_ == end_; }
  std::uint8_t byte() { return done() ? std::uint8_t{0} : *at_++; }
  Octets bytes(std::size_t most) {
    const auto count = std::min(most, static_cast<std::size_t>(end_ - at_));
    const std::uint8_t* const begin = at_;
    at_ += count;
    return {begin, at_};
  }
  // How many records a table has.
  std::uint32_t capacity() { return 1 + byte() % 64U; }

 private:
  const std::uint8_t* at_;
  const std::uint8_t* end_;
};

}  // namespace nat::test
