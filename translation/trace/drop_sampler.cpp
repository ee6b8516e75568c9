#include "translation/trace/drop_sampler.h"

#include <algorithm>

namespace nat {

bool DropSampler::wants(const DropEvent& drop) {
  const auto endpoint = [](Endpoint e) { return std::uint64_t{e.address.value()} << 16 | e.port; };
  const auto reason = static_cast<std::uint64_t>(drop.reason);
  const auto side = static_cast<std::uint64_t>(drop.in);
  const std::uint64_t hash =
      siphash13(secret_, endpoint(drop.source) | std::uint64_t{drop.ip_protocol} << 48 | side << 56,
                endpoint(drop.destination) | reason << 48) |
      1;
  Kind& kind = kinds_[hash % kKinds];
  const bool known = kind.hash == hash;
  if (known && drop.at < kind.traced + kAgain) return false;
  RateLimit& limit = (known ? known_limits_ : new_limits_)[2 * reason + side];
  if (!limit.allow(kTracedInSecond, kTracedInSecond, drop.at)) return false;
  kind = {hash, drop.at};
  return true;
}

const TracedDrop* DropSampler::find(std::uint64_t number) const {
  const auto found = std::find_if(kept_.begin(), kept_.end(),
                                  [number](const TracedDrop& drop) { return drop.number == number; });
  return found == kept_.end() ? nullptr : &*found;
}

}  // namespace nat
