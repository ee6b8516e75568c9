// Randomness that cannot be guessed (RFC 6056 section 3.3): the kernel's, fetched in blocks so that a
// number costs a system call only now and then. Not thread-safe; the engine uses it under its lock.
#pragma once

#include <array>
#include <cstddef>

#include "translation/base/random.h"

namespace nat {

class KernelRandom : public Random {
 public:
  std::uint64_t next() override;

 private:
  // getrandom(2) gives up to 256 octets whole, whatever signals arrive.
  static constexpr std::size_t kBlock = 256 / sizeof(std::uint64_t);

  std::array<std::uint64_t, kBlock> block_{};
  std::size_t used_ = kBlock;
};

}  // namespace nat
