#include "tests/natcheck/link.h"

namespace nat::check {
namespace {

constexpr milliseconds kRetry{250};
constexpr milliseconds kConnectPatience{3000};

}  // namespace

bool Link::send(const Message& message) {
  if (stream_ == nullptr || !stream_->open()) return false;
  stream_->send(message);
  return stream_->open();
}

std::vector<Message> Link::take_heard() { return stream_ ? stream_->take_heard() : std::vector<Message>{}; }

void Link::follow(TimePoint now) {
  if (stream_ != nullptr && stream_->open()) {
    next_attempt_ = TimePoint::max();
    return;
  }
  if (stream_ != nullptr && stream_->over() && next_attempt_ > now + kRetry) next_attempt_ = now + kRetry;
  if (now < next_attempt_) return;
  if (stream_ != nullptr) stream_->abort();
  port_.sweep();
  stream_ = &port_.dial(remote_);
  next_attempt_ = now + kConnectPatience;
}

}  // namespace nat::check
