#include "tests/natcheck/stun/port.h"

#include <algorithm>

namespace nat::check::stun {

const Heard* Port::find(const Transaction& transaction, Class except) const {
  const auto match = std::find_if(heard_.begin(), heard_.end(), [&](const Heard& heard) {
    return heard.message.transaction == transaction && heard.message.kind != except;
  });
  return match == heard_.end() ? nullptr : &*match;
}

void Port::hear(const Endpoint& from, std::span<const std::uint8_t> octets) {
  if (heard_.size() >= kKept) return;
  if (auto message = parse(octets)) heard_.push_back({from, std::move(*message)});
}

}  // namespace nat::check::stun
