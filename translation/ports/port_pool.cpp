#include "translation/ports/port_pool.h"

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

void PortPool::configure(const std::vector<PortRange>& ranges, const PortSet& reserved,
                         std::uint32_t quarantine_share) {
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
  most_quarantined_ = capacity_ * quarantine_share / 100;
  for (unsigned word = 0; word < kWords; ++word) free_[word] = eligible_[word] & ~taken_[word];
  for (const auto& [port, rest] : quarantined_) free_[port >> 6] &= ~(std::uint64_t{1} << (port & 63));
  group_count_.fill(0);
  for (unsigned word = 0; word < kWords; ++word) {
    group_count_[word / kWordsInGroup] =
        static_cast<std::uint16_t>(group_count_[word / kWordsInGroup] + std::popcount(free_[word]));
  }
}

bool PortPool::may_take(std::uint16_t port, Endpoint owner) const {
  if (free(port)) return true;
  const auto rest = quarantined_.find(port);
  return rest != quarantined_.end() && rest->second.owner == owner && eligible(port);
}

bool PortPool::take(std::uint16_t port, Endpoint owner) {
  if (!may_take(port, owner)) return false;
  if (free(port)) {
    clear_free(port);
  } else {
    quarantined_.erase(port);
  }
  taken_[port >> 6] |= std::uint64_t{1} << (port & 63);
  ++used_;
  return true;
}

bool PortPool::take_explicit(std::uint16_t port) {
  const std::uint64_t bit = std::uint64_t{1} << (port & 63);
  if ((taken_[port >> 6] & bit) != 0) return false;
  if (free(port)) clear_free(port);
  quarantined_.erase(port);
  taken_[port >> 6] |= bit;
  ++used_;
  return true;
}

std::optional<std::uint16_t> PortPool::pick(Random& random, std::span<const PortRange> ranges,
                                            std::optional<unsigned> parity) {
  const std::uint32_t available = free_in(ranges);
  if (available == 0) return std::nullopt;
  std::uint32_t chosen = random.below(available);
  const PortRange* range = ranges.data();
  for (std::uint32_t count = free_in(*range); chosen >= count; count = free_in(*range)) {
    chosen -= count;
    ++range;
  }
  std::uint16_t port = select(rank(range->first) + chosen);
  if (parity && (port & 1U) != *parity) port = with_parity(port, ranges, *parity);
  take(port, {});
  return port;
}

// The nearest free port of the wanted parity, upwards and around; when there is none, parity gives way.
std::uint16_t PortPool::with_parity(std::uint16_t port, std::span<const PortRange> ranges,
                                    unsigned parity) const {
  const std::uint64_t mask = parity == 0 ? kEven : ~kEven;
  for (const PortRange& range : ranges) {
    if (!range.contains(port)) continue;
    if (const auto above = seek({port, range.last}, mask)) return *above;
  }
  for (const PortRange& range : ranges) {
    if (const auto found = seek(range, mask)) return *found;
  }
  return port;
}

std::optional<std::uint16_t> PortPool::seek(PortRange range, std::uint64_t mask) const {
  for (std::uint32_t word = range.first >> 6; word <= std::uint32_t{range.last} >> 6; ++word) {
    std::uint64_t bits = free_[word] & mask;
    if (word == std::uint32_t{range.first} >> 6) bits &= ~std::uint64_t{0} << (range.first & 63);
    if (bits == 0) continue;
    const auto port =
        static_cast<std::uint16_t>(word * 64 + static_cast<std::uint32_t>(std::countr_zero(bits)));
    if (port <= range.last) return port;
    break;
  }
  return std::nullopt;
}

std::optional<std::uint16_t> PortPool::pick_next(std::span<const PortRange> ranges) {
  constexpr std::uint64_t kAny = ~std::uint64_t{0};
  std::optional<std::uint16_t> port;
  for (const PortRange& range : ranges) {
    if (range.last <= last_picked_) continue;
    const std::uint16_t from = range.contains(last_picked_) ? last_picked_ + 1 : range.first;
    if ((port = seek({from, range.last}, kAny))) break;
  }
  for (std::size_t i = 0; !port && i < ranges.size(); ++i) port = seek(ranges[i], kAny);
  if (!port) return std::nullopt;
  last_picked_ = *port;
  take(*port, {});
  return port;
}

void PortPool::release(std::uint16_t port, Endpoint owner, TimePoint until, TimePoint now) {
  taken_[port >> 6] &= ~(std::uint64_t{1} << (port & 63));
  --used_;
  if (until <= now) {
    if (eligible(port)) set_free(port);
    return;
  }
  // Also where nobody may have the port for now: it may come back into the ranges before it has rested.
  quarantined_[port] = {owner, until, next_serial_};
  quarantine_order_.emplace_back(port, next_serial_++);
  while (quarantined_.size() > most_quarantined_ && !quarantine_order_.empty()) {
    const auto [oldest, serial] = quarantine_order_.front();
    quarantine_order_.pop_front();
    const auto rest = quarantined_.find(oldest);
    if (rest != quarantined_.end() && rest->second.serial == serial) end_quarantine(oldest);
  }
}

void PortPool::wake(TimePoint now, unsigned& budget) {
  for (; budget > 0 && !quarantine_order_.empty(); --budget) {
    const auto [port, serial] = quarantine_order_.front();
    const auto rest = quarantined_.find(port);
    const bool stale = rest == quarantined_.end() || rest->second.serial != serial;
    if (!stale && rest->second.until > now) return;
    quarantine_order_.pop_front();
    if (!stale) end_quarantine(port);
  }
}

void PortPool::end_quarantine(std::uint16_t port) {
  quarantined_.erase(port);
  if (eligible(port)) set_free(port);
}

std::uint32_t PortPool::free_in(PortRange range) const {
  if (range.last < range.first) return 0;
  return rank(std::uint32_t{range.last} + 1) - rank(range.first);
}

std::uint32_t PortPool::free_in(std::span<const PortRange> ranges) const {
  std::uint32_t count = 0;
  for (const PortRange& range : ranges) count += free_in(range);
  return count;
}

std::optional<Endpoint> PortPool::quarantined_owner(std::uint16_t port) const {
  const auto rest = quarantined_.find(port);
  return rest == quarantined_.end() ? std::nullopt : std::optional<Endpoint>(rest->second.owner);
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
