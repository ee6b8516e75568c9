#include "filtering/held_syns.h"

#include <utility>

#include "translation/net/icmp_error.h"

namespace nat {

bool HeldSyns::hold(const PacketView& syn, std::uint32_t most, TimePoint now) {
  const Key key{syn.destination(), syn.source()};
  const auto found = places_.find(key);
  if (found != places_.end()) {
    queue_.splice(queue_.end(), queue_, found->second);
  } else {
    if (held() >= most) return false;
    queue_.push_back({key, {}, {}});
    places_.emplace(key, std::prev(queue_.end()));
  }
  Held& held = queue_.back();
  held.deadline = now + kHold;
  make_icmp_error(held.error, syn, syn.destination_address(), icmp::kUnreachable, icmp::kPortUnreachable);
  return true;
}

void HeldSyns::forget(Endpoint external, Endpoint remote) {
  const auto found = places_.find({external, remote});
  if (found == places_.end()) return;
  queue_.erase(found->second);
  places_.erase(found);
}

void HeldSyns::clear() {
  places_.clear();
  queue_.clear();
}

bool HeldSyns::take_due(TimePoint now, std::vector<std::uint8_t>& error) {
  if (queue_.empty() || now < queue_.front().deadline) return false;
  error = std::move(queue_.front().error);
  places_.erase(queue_.front().key);
  queue_.pop_front();
  return true;
}

}  // namespace nat
