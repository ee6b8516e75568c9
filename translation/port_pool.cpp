#include "translation/port_pool.h"

#include <bit>

namespace nat {
namespace {

constexpr unsigned kWordsInGroup = 64;
// The even bits of a word are even ports.
constexpr std::uint64_t kEven = 0x5555555555555555;

// The position of the n-th set bit, n from 0.
unsigned nth_bit(std::uint64_t word, unsigned n) {
  for (; n > 0; --n) word &= word - 1;
  return static_cast<unsigned>(std::countr_zero(word));
}

}  // namespace

void PortPool::configure(const std::vector<PortRange>& ranges, const PortSet& reserved) {
  eligible_.fill(0);
  capacity_ = 0;
  for (const PortRange& range : ranges) {
    for (std::uint32_t port = range.first; port <= range.last; ++port) {
      const std::uint64_t bit = std::uint64_t{1} << (port & 63);
      if (port == 0 || reserved[port] || (eligible_[port >> 6] & bit) != 0) continue;
      eligible_[port >> 6] |= bit;
      ++capacity_;
    }
  }
  for (unsigned word = 0; word < kWords; ++word) free_[word] = eligible_[word] & ~taken_[word];
  for (const auto& [port, rest] : resting_) free_[port >> 6] &= ~(std::uint64_t{1} << (port & 63));
  group_count_.fill(0);
  for (unsigned word = 0; word < kWords; ++word) {
    group_count_[word / kWordsInGroup] =
        static_cast<std::uint16_t>(group_count_[word / kWordsInGroup] + std::popcount(free_[word]));
  }
}

bool PortPool::may_take(std::uint16_t port, Endpoint owner) const {
  if (free(port)) return true;
  const auto rest = resting_.find(port);
  return rest != resting_.end() && rest->second.owner == owner && eligible(port);
}

bool PortPool::take(std::uint16_t port, Endpoint owner) {
  if (!may_take(port, owner)) return false;
  if (free(port)) {
    clear_free(port);
  } else {
    resting_.erase(port);
  }
  taken_[port >> 6] |= std::uint64_t{1} << (port & 63);
  ++used_;
  return true;
}

bool PortPool::take_explicit(std::uint16_t port) {
  const std::uint64_t bit = std::uint64_t{1} << (port & 63);
  if ((taken_[port >> 6] & bit) != 0) return false;
  if (free(port)) clear_free(port);
  resting_.erase(port);
  taken_[port >> 6] |= bit;
  ++used_;
  return true;
}

std::optional<std::uint16_t> PortPool::pick(Random& random, std::uint16_t first, std::uint16_t last,
                                            std::optional<unsigned> parity) {
  const std::uint32_t available = free_in(first, last);
  if (available == 0) return std::nullopt;
  const std::uint32_t below = rank(first);
  std::uint16_t port = select(below + random.below(available));
  if (parity && (port & 1U) != *parity) {
    // The nearest free port of the wanted parity, upwards and around; when there is none, parity gives way.
    const std::uint64_t mask = *parity == 0 ? kEven : ~kEven;
    const auto in_range = [&](std::uint32_t p) { return p >= first && p <= last; };
    for (std::uint32_t step = 0, word = port >> 6U; step <= kWords; ++step, word = (word + 1) % kWords) {
      std::uint64_t bits = free_[word] & mask;
      if (step == 0) bits &= ~std::uint64_t{0} << (port & 63);
      while (bits != 0 && !in_range(word * 64 + static_cast<std::uint32_t>(std::countr_zero(bits)))) {
        bits &= bits - 1;
      }
      if (bits == 0) continue;
      port = static_cast<std::uint16_t>(word * 64 + static_cast<std::uint32_t>(std::countr_zero(bits)));
      break;
    }
  }
  take(port, {});
  return port;
}

std::optional<std::uint16_t> PortPool::pick_next(std::uint16_t first, std::uint16_t last) {
  if (free_in(first, last) == 0) return std::nullopt;
  std::uint16_t from = last_picked_ >= first && last_picked_ < last ? last_picked_ + 1 : first;
  if (free_in(from, last) == 0) from = first;
  last_picked_ = select(rank(from));
  take(last_picked_, {});
  return last_picked_;
}

void PortPool::release(std::uint16_t port, Endpoint owner, TimePoint until, TimePoint now) {
  taken_[port >> 6] &= ~(std::uint64_t{1} << (port & 63));
  --used_;
  if (!eligible(port)) return;
  if (until <= now) {
    set_free(port);
    return;
  }
  resting_[port] = {owner, until, next_serial_};
  rest_order_.emplace_back(port, next_serial_++);
  const auto most = capacity_ / 4;
  while (resting_.size() > most && !rest_order_.empty()) {
    const auto [oldest, serial] = rest_order_.front();
    rest_order_.pop_front();
    const auto rest = resting_.find(oldest);
    if (rest != resting_.end() && rest->second.serial == serial) end_rest(oldest);
  }
}

void PortPool::wake(TimePoint now, unsigned& budget) {
  for (; budget > 0 && !rest_order_.empty(); --budget) {
    const auto [port, serial] = rest_order_.front();
    const auto rest = resting_.find(port);
    const bool stale = rest == resting_.end() || rest->second.serial != serial;
    if (!stale && rest->second.until > now) return;
    rest_order_.pop_front();
    if (!stale) end_rest(port);
  }
}

void PortPool::end_rest(std::uint16_t port) {
  resting_.erase(port);
  if (eligible(port)) set_free(port);
}

std::uint32_t PortPool::free_in(std::uint16_t first, std::uint16_t last) const {
  if (last < first) return 0;
  return rank(std::uint32_t{last} + 1) - rank(first);
}

bool PortPool::serves(std::uint16_t first, std::uint16_t last) const {
  for (std::uint32_t port = first; port <= last; ++port) {
    if (eligible(static_cast<std::uint16_t>(port))) return true;
  }
  return false;
}

void PortPool::set_free(std::uint16_t port) {
  free_[port >> 6] |= std::uint64_t{1} << (port & 63);
  ++group_count_[port >> 12];
}

void PortPool::clear_free(std::uint16_t port) {
  free_[port >> 6] &= ~(std::uint64_t{1} << (port & 63));
  --group_count_[port >> 12];
}

std::uint32_t PortPool::rank(std::uint32_t port) const {
  std::uint32_t count = 0;
  const std::uint32_t group = port >> 12;
  for (std::uint32_t i = 0; i < group; ++i) count += group_count_[i];
  for (std::uint32_t word = group * kWordsInGroup; word < port >> 6; ++word) {
    count += static_cast<std::uint32_t>(std::popcount(free_[word]));
  }
  if ((port & 63) != 0) {
    const std::uint64_t below = (std::uint64_t{1} << (port & 63)) - 1;
    count += static_cast<std::uint32_t>(std::popcount(free_[port >> 6] & below));
  }
  return count;
}

std::uint16_t PortPool::select(std::uint32_t rank) const {
  std::uint32_t group = 0;
  while (rank >= group_count_[group]) rank -= group_count_[group++];
  std::uint32_t word = group * kWordsInGroup;
  for (;; ++word) {
    const auto count = static_cast<std::uint32_t>(std::popcount(free_[word]));
    if (rank < count) break;
    rank -= count;
  }
  return static_cast<std::uint16_t>(word * 64 + nth_bit(free_[word], rank));
}

}  // namespace nat
