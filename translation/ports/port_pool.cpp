#include "translation/ports/port_pool.h"

#include <bit>
#include <utility>

namespace nat {
namespace {

constexpr unsigned kWordsInGroup = EligiblePorts::kWordsInGroup;
// The even bits of a word are even ports.
constexpr std::uint64_t kEven = 0x5555555555555555;

// The position of the n-th set bit, n from 0.
unsigned nth_bit(std::uint64_t word, unsigned n) {
  for (; n > 0; --n) word &= word - 1;
  return static_cast<unsigned>(std::countr_zero(word));
}

}  // namespace

PortPool::PortPool() {
  static const auto kNoPorts = std::make_shared<const EligiblePorts>();
  eligible_ = kNoPorts;
}

void PortPool::configure(std::shared_ptr<const EligiblePorts> eligible, std::uint32_t quarantine_share) {
  eligible_ = std::move(eligible);
  most_quarantined_ = capacity() * quarantine_share / 100;
  free_ = eligible_->words();
  group_count_ = eligible_->in_groups();
  for (unsigned word = 0; used_ > 0 && word < kWords; ++word) {
    const std::uint64_t taken = free_[word] & taken_[word];
    if (taken == 0) continue;
    free_[word] ^= taken;
    std::uint16_t& count = group_count_[word / kWordsInGroup];
    count = static_cast<std::uint16_t>(count - std::popcount(taken));
  }
  resting_.for_each_port([&](std::uint16_t port) {
    if (free(port)) clear_free(port);
  });
  end_excess();
}

bool PortPool::may_take(std::uint16_t port, Endpoint owner) const {
  return free(port) || (eligible(port) && resting_.owner_of(port) == owner);
}

bool PortPool::take(std::uint16_t port, Endpoint owner) {
  if (!may_take(port, owner)) return false;
  if (free(port)) {
    clear_free(port);
  } else {
    resting_.remove(port);
  }
  taken_[port >> 6] |= std::uint64_t{1} << (port & 63);
  ++used_;
  return true;
}

bool PortPool::take_explicit(std::uint16_t port) {
  const std::uint64_t bit = std::uint64_t{1} << (port & 63);
  if ((taken_[port >> 6] & bit) != 0) return false;
  if (free(port)) clear_free(port);
  resting_.remove(port);
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
  resting_.add(port, owner, until);
  end_excess();
}

void PortPool::end_excess() {
  while (resting_.size() > most_quarantined_) end_quarantine(resting_.first_port());
}

void PortPool::wake(TimePoint now, unsigned& budget) {
  for (; budget > 0 && resting_.first_end() <= now; --budget) end_quarantine(resting_.first_port());
}

void PortPool::end_quarantine(std::uint16_t port) {
  resting_.remove(port);
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

std::optional<std::uint16_t> PortPool::first_free(PortRange range,
                                                  const std::function<bool(std::uint16_t)>& unwanted) const {
  while (range.first <= range.last) {
    const auto port = seek(range, ~std::uint64_t{0});
    if (!port || !unwanted(*port)) return port;
    if (*port == range.last) break;
    range.first = static_cast<std::uint16_t>(*port + 1);
  }
  return std::nullopt;
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
