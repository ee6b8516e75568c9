// The external ports of one address and protocol: which are free, which are taken, which are in quarantine
// after use.
//
// A bit for each port and a count for each 64 of them and each 4096 of them: choosing the k-th free port of a
// range takes the same few steps whether one port is left or all, and every free port is equally likely (RFC
// 6056 section 3.3.2 wants the whole range used and no pattern).
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "translation/base/random.h"
#include "translation/base/time.h"
#include "translation/net/endpoint.h"
#include "translation/policy/policy.h"
#include "translation/ports/eligible_ports.h"
#include "translation/ports/resting_ports.h"

namespace nat {

class PortPool {
 public:
  // Without ports.
  PortPool();

  // Says which ports may be given away. Ports in use stay in use; what they become when released follows the
  // new rule. Of a hundred ports `quarantine_share` may be in quarantine at a time; where more are now, those
  // whose quarantine ends first become free.
  void configure(std::shared_ptr<const EligiblePorts> eligible, std::uint32_t quarantine_share);

  // Takes this very port, for `owner`, when it is free or in quarantine since the same owner had it.
  bool take(std::uint16_t port, Endpoint owner);
  // Takes a port that the pool does not give away by itself, for a mapping the operator asks for. False when
  // it is taken.
  bool take_explicit(std::uint16_t port);
  // Takes a random free port of the ranges, which must not overlap; `parity` 0 or 1 asks for an even or odd
  // one. Nothing when all are taken.
  std::optional<std::uint16_t> pick(Random& random, std::span<const PortRange> ranges,
                                    std::optional<unsigned> parity);
  // Takes the free port of the ranges, in rising order, that follows the last one it gave, around the end.
  std::optional<std::uint16_t> pick_next(std::span<const PortRange> ranges);
  // The port becomes free, after a quarantine until `until` when that lies ahead. Where more would be there
  // than may, the one whose quarantine ends first becomes free.
  void release(std::uint16_t port, Endpoint owner, TimePoint until, TimePoint now);
  // Frees ports whose quarantine is over; each counts against the budget.
  void wake(TimePoint now, unsigned& budget);
  // When the next quarantine ends; kNever when there is none.
  TimePoint next_wake() const { return resting_.first_end(); }

  bool free(std::uint16_t port) const { return (free_[port >> 6] >> (port & 63) & 1) != 0; }
  bool may_take(std::uint16_t port, Endpoint owner) const;
  std::uint32_t free_in(PortRange range) const;
  std::uint32_t free_in(std::span<const PortRange> ranges) const;
  // The lowest free port of the range that `unwanted` does not say yes to. The port is not taken.
  std::optional<std::uint16_t> first_free(PortRange range,
                                          const std::function<bool(std::uint16_t)>& unwanted) const;
  // Who had the quarantined port; nothing when it is in none.
  std::optional<Endpoint> quarantined_owner(std::uint16_t port) const { return resting_.owner_of(port); }
  // Until when; kNever for a port that is in none.
  TimePoint quarantine_end(std::uint16_t port) const { return resting_.end_of(port); }

  std::uint32_t capacity() const { return eligible_->count(); }
  std::uint32_t used() const { return used_; }
  std::uint32_t quarantined() const { return resting_.size(); }

 private:
  void set_free(std::uint16_t port);
  void clear_free(std::uint16_t port);
  bool eligible(std::uint16_t port) const { return eligible_->contains(port); }
  std::uint32_t rank(std::uint32_t port) const;  // free ports below it
  std::uint16_t select(std::uint32_t rank) const;
  // The first free port of the range whose bit in its word is in `mask`.
  std::optional<std::uint16_t> seek(PortRange range, std::uint64_t mask) const;
  std::uint16_t with_parity(std::uint16_t port, std::span<const PortRange> ranges, unsigned parity) const;
  void end_quarantine(std::uint16_t port);
  void end_excess();

  static constexpr unsigned kWords = EligiblePorts::kWords;
  std::shared_ptr<const EligiblePorts> eligible_;
  std::array<std::uint64_t, kWords> free_{};
  std::array<std::uint64_t, kWords> taken_{};
  std::array<std::uint16_t, EligiblePorts::kGroups> group_count_{};  // free ports in each 4096
  RestingPorts resting_;
  std::uint32_t most_quarantined_ = 0;
  std::uint32_t used_ = 0;
  std::uint16_t last_picked_ = 0;  // by pick_next
};

}  // namespace nat
