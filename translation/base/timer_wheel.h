// When to look at which record again: one slot a second, a doubly linked list of record numbers in each.
//
// A packet only writes a new deadline into its session. The wheel still holds the session in the slot of the
// old deadline; when that comes, the record is looked at once and moved on. So a session costs one visit for
// each of its time-outs, however many packets it carries, and each visit is a step that can be counted
// against a budget.
#pragma once

#include <cstdint>
#include <vector>

#include "translation/base/slab.h"

namespace nat {

// Tenths of a second since the engine was made.
using Tick = std::uint32_t;
inline constexpr Tick kTicksPerSecond = 10;
inline constexpr std::uint32_t kTickMilliseconds = 1000 / kTicksPerSecond;

struct TimerLink {
  std::uint32_t previous;
  std::uint32_t next;
  std::uint32_t slot;
};

// `Links` is indexed by record number and gives a TimerLink&.
template <typename Links>
class TimerWheel {
 public:
  explicit TimerWheel(Links& links) : links_(links), heads_(kSlots, kNone) {}

  // Goes on from another time, earlier or later. The wheel must be empty.
  void restart(Tick now) { current_ = now / kTicksPerSecond; }

  // The record must not be in the wheel. Deadlines beyond the wheel's span are looked at early and moved on.
  void insert(std::uint32_t number, Tick deadline) {
    std::uint32_t second = (deadline + kTicksPerSecond - 1) / kTicksPerSecond;
    if (second <= current_) second = current_ + 1;
    if (second - current_ >= kSlots) second = current_ + kSlots - 1;
    push(number, second % kSlots);
  }

  void erase(std::uint32_t number) {
    const TimerLink& link = links_[number];
    if (link.previous == kNone) {
      heads_[link.slot] = link.next;
    } else {
      links_[link.previous].next = link.next;
    }
    if (link.next != kNone) links_[link.next].previous = link.previous;
  }

  // Takes the next record whose slot has come by `now` out of the wheel; kNone when there is none.
  std::uint32_t take_due(Tick now) {
    const std::uint32_t second = now / kTicksPerSecond;
    for (;;) {
      const std::uint32_t number = heads_[current_ % kSlots];
      if (number != kNone) {
        erase(number);
        return number;
      }
      if (current_ >= second) return kNone;
      // After a pause longer than the wheel every slot has been passed once; there is nothing more to find.
      if (second - current_ > kSlots) current_ = second - kSlots;
      ++current_;
    }
  }

 private:
  static constexpr std::uint32_t kSlots = 8192;  // seconds; more than the longest default, 7440

  void push(std::uint32_t number, std::uint32_t slot) {
    const std::uint32_t head = heads_[slot];
    links_[number] = {kNone, head, slot};
    if (head != kNone) links_[head].previous = number;
    heads_[slot] = number;
  }

  Links& links_;
  std::vector<std::uint32_t> heads_;
  std::uint32_t current_ = 0;  // the second whose slot is being emptied
};

}  // namespace nat
