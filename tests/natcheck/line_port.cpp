#include "tests/natcheck/line_port.h"

#include <array>

#include <unistd.h>

namespace nat::check {

std::optional<std::string> LinePort::take() {
  if (lines_.empty()) return std::nullopt;
  std::string line = std::move(lines_.front());
  lines_.pop_front();
  return line;
}

void LinePort::serve(std::span<const pollfd> descriptors) {
  if (descriptors[0].revents == 0) return;
  std::array<char, 4096> piece;
  const ssize_t got = read(pipe_.get(), piece.data(), piece.size());
  if (got <= 0) {
    over_ = true;
    return;
  }
  for (const char character : std::span(piece).first(static_cast<std::size_t>(got))) {
    if (character != '\n') {
      partial_ += character;
    } else {
      lines_.push_back(std::exchange(partial_, {}));
    }
  }
  if (partial_.size() > kLongest) over_ = true;
}

}  // namespace nat::check
