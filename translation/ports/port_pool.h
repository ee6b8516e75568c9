// The external ports of one address and protocol: which are free, which are taken, which rest after use.
//
// A bit for each port and a count for each 64 of them and each 4096 of them: choosing the k-th free port of a
// range takes the same few steps whether one port is left or all, and every free port is equally likely (RFC
// 6056 section 3.3.2 wants the whole range used and no pattern).
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "translation/base/random.h"
#include "translation/base/time.h"
#include "translation/net/endpoint.h"
#include "translation/policy/policy.h"

namespace nat {

class PortPool {
 public:
  // Says which ports may be given away. Ports in use stay in use; what they become when released follows the
  // new rule. Of a hundred ports `quarantine_share` may rest at a time.
  void configure(const std::vector<PortRange>& ranges, const PortSet& reserved,
                 std::uint32_t quarantine_share = 25);

  // Takes this very port, for `owner`, when it is free or rests since the same owner had it.
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
  // The port becomes free, after a quarantine until `until` when that lies ahead. Where more would rest than
  // may, the one that rested longest becomes free.
  void release(std::uint16_t port, Endpoint owner, TimePoint until, TimePoint now);
  // Frees ports whose rest is over; each counts against the budget.
  void wake(TimePoint now, unsigned& budget);

  bool free(std::uint16_t port) const { return (free_[port >> 6] >> (port & 63) & 1) != 0; }
  bool may_take(std::uint16_t port, Endpoint owner) const;
  std::uint32_t free_in(PortRange range) const;
  std::uint32_t free_in(std::span<const PortRange> ranges) const;
  // Who had the quarantined port; nothing when it is in none.
  std::optional<Endpoint> quarantined_owner(std::uint16_t port) const;
  struct Quarantine {
    Endpoint owner;
    TimePoint until;
  };
  // Nothing when the port is in none.
  std::optional<Quarantine> quarantine_of(std::uint16_t port) const;

  std::uint32_t capacity() const { return capacity_; }
  std::uint32_t used() const { return used_; }
  std::uint32_t quarantined() const { return static_cast<std::uint32_t>(quarantined_.size()); }

 private:
  struct Rest {
    Endpoint owner;
    TimePoint until;
    std::uint64_t serial;
  };

  void set_free(std::uint16_t port);
  void clear_free(std::uint16_t port);
  bool eligible(std::uint16_t port) const { return (eligible_[port >> 6] >> (port & 63) & 1) != 0; }
  std::uint32_t rank(std::uint32_t port) const;  // free ports below it
  std::uint16_t select(std::uint32_t rank) const;
  // The first free port of the range whose bit in its word is in `mask`.
  std::optional<std::uint16_t> seek(PortRange range, std::uint64_t mask) const;
  std::uint16_t with_parity(std::uint16_t port, std::span<const PortRange> ranges, unsigned parity) const;
  void end_quarantine(std::uint16_t port);

  static constexpr unsigned kWords = 65536 / 64;
  std::array<std::uint64_t, kWords> free_{};
  std::array<std::uint64_t, kWords> eligible_{};
  std::array<std::uint64_t, kWords> taken_{};
  std::array<std::uint16_t, 16> group_count_{};  // free ports in each 4096
  std::uint32_t capacity_ = 0;
  std::uint32_t most_quarantined_ = 0;
  std::uint32_t used_ = 0;
  std::unordered_map<std::uint16_t, Rest> quarantined_;
  std::deque<std::pair<std::uint16_t, std::uint64_t>>
      quarantine_order_;  // port and serial; stale ones are skipped
  std::uint64_t next_serial_ = 0;
  std::uint16_t last_picked_ = 0;  // by pick_next
};

}  // namespace nat
