#include "translation/base/rate_limit.h"

#include <algorithm>

namespace nat {

bool RateLimit::allow(std::uint32_t rate, std::uint32_t burst, TimePoint now) {
  if (rate == 0) return false;
  const std::int64_t depth = std::int64_t{burst} * 1000;
  if (tokens_ < 0) {
    tokens_ = depth;
  } else {
    const std::int64_t elapsed = std::min<std::int64_t>((now - refilled_).count(), 1000000);
    tokens_ = std::min(depth, tokens_ + elapsed * rate);
  }
  refilled_ = now;
  if (tokens_ < 1000) return false;
  tokens_ -= 1000;
  return true;
}

}  // namespace nat
