// Dormant sessions, the oldest first, linked through the timer links that they do not need.
#pragma once

#include "translation/base/timer_wheel.h"

namespace nat {

class DormantQueue {
 public:
  explicit DormantQueue(ZeroedArray<TimerLink>& links) : links_(links) {}

  // The session must not be in the timer wheel.
  void push(std::uint32_t session) {
    links_[session] = {newest_, kNone, 0};
    (newest_ == kNone ? oldest_ : links_[newest_].next) = session;
    newest_ = session;
    ++size_;
  }
  void remove(std::uint32_t session) {
    const TimerLink link = links_[session];
    (link.previous == kNone ? oldest_ : links_[link.previous].next) = link.next;
    (link.next == kNone ? newest_ : links_[link.next].previous) = link.previous;
    --size_;
  }
  // kNone when there is none.
  std::uint32_t oldest() const { return oldest_; }
  std::uint32_t after(std::uint32_t session) const { return links_[session].next; }
  std::uint32_t size() const { return size_; }

 private:
  ZeroedArray<TimerLink>& links_;
  std::uint32_t oldest_ = kNone;
  std::uint32_t newest_ = kNone;
  std::uint32_t size_ = 0;
};

}  // namespace nat
