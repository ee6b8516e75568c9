// Lines from a pipe, as something to poll for.
#pragma once

#include <deque>
#include <optional>
#include <string>

#include "tests/natcheck/port.h"
#include "tests/natcheck/socket.h"

namespace nat::check {

class LinePort : public Port {
 public:
  explicit LinePort(Descriptor pipe) : pipe_(std::move(pipe)) {}

  // The next whole line, without its end.
  std::optional<std::string> take();
  // Nothing more will come: the other end has closed, or sent a line of more than kLongest octets.
  bool over() const { return over_; }

  void watch(std::vector<pollfd>& descriptors) const override {
    descriptors.push_back({over_ ? -1 : pipe_.get(), POLLIN, 0});
  }
  void serve(std::span<const pollfd> descriptors) override;

  static constexpr std::size_t kLongest = 1 << 20;

 private:
  Descriptor pipe_;
  std::string partial_;
  std::deque<std::string> lines_;
  bool over_ = false;
};

}  // namespace nat::check
