// Which dropped packets are traced as they are dropped, while the engine is in the state that refused them:
// the first of a kind, and of a kind that goes on one a second. A kind is one reason between the same two
// endpoints on one side. A trace takes some microseconds, so of one reason and side at most 16 new kinds and
// 16 known ones in a second; a flood of ever new endpoints gets no more.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <vector>

#include "translation/base/rate_limit.h"
#include "translation/base/siphash.h"
#include "translation/state/event.h"
#include "translation/trace/explanation.h"

namespace nat {

// A drop that was traced. The octets are the packet's as it came; none when there were too many.
struct TracedDrop {
  std::uint64_t number = 0;  // of its event
  std::vector<std::uint8_t> octets;
  Explanation explanation;
};

class DropSampler {
 public:
  static constexpr std::size_t kKept = 256;
  static constexpr std::size_t kMostOctets = 2048;
  static constexpr std::uint32_t kTracedInSecond = 16;
  static constexpr Duration kAgain = std::chrono::seconds(1);

  explicit DropSampler(const HashSecret& secret) : secret_(secret), kinds_(kKinds) {}

  bool wants(const DropEvent& drop);
  // The place for a trace; the oldest goes when there are kKept.
  TracedDrop& add() {
    if (kept_.size() < kKept) return kept_.emplace_back();
    return kept_[next_++ % kKept];
  }
  // Null when there is none, or none any more.
  const TracedDrop* find(std::uint64_t number) const;

 private:
  static constexpr std::size_t kKinds = 1024;
  struct Kind {
    std::uint64_t hash = 0;
    TimePoint traced{};
  };

  HashSecret secret_;
  std::vector<Kind> kinds_;  // by hash; a newer one takes the place of an older one
  // Of one reason and side: of kinds that are new, and of those that go on.
  std::array<RateLimit, 2 * kReasonCount> new_limits_;
  std::array<RateLimit, 2 * kReasonCount> known_limits_;
  std::deque<TracedDrop> kept_;
  std::size_t next_ = 0;  // that gives its place away
};

}  // namespace nat
