#include "natd/engine/random.h"

#include <cstdlib>
#include <utility>

#include <sys/random.h>

namespace nat {

std::uint64_t KernelRandom::next() {
  if (used_ == kBlock) {
    // Cannot fail on any kernel natd runs on; going on with numbers that can be guessed is not an option.
    if (getrandom(block_.data(), sizeof block_, 0) != static_cast<ssize_t>(sizeof block_)) std::abort();
    used_ = 0;
  }
  // What was used does not stay in memory.
  return std::exchange(block_[used_++], 0);
}

}  // namespace nat
