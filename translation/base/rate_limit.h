// How often something may happen.
#pragma once

#include <cstdint>

#include "translation/base/time.h"

namespace nat {

// A token bucket: `rate` a second, at most `burst` at once (RFC 1812 section 4.3.2.8).
class RateLimit {
 public:
  bool allow(std::uint32_t rate, std::uint32_t burst, TimePoint now);

 private:
  std::int64_t tokens_ = -1;  // thousandths; -1 before the first use
  TimePoint refilled_{};
};

}  // namespace nat
