// A host of the multi-client test as its coordinator sees it: a child process that takes a line and answers
// with one.
#pragma once

#include <nlohmann/json.hpp>

#include "tests/natcheck/line_port.h"

namespace nat::check {

class Host {
 public:
  // Starts the words of `command`; throws SetupError if that is not possible. `name` is for messages.
  Host(std::string name, const std::vector<std::string>& command);
  Host(Host&&) = delete;
  ~Host();  // closes its input, which ends it, and waits for that

  const std::string& name() const { return name_; }

  void send(const std::string& line);
  // The next answer. Throws SetupError, with the host's own words, if it refuses, ends or says nothing in
  // time.
  nlohmann::json receive(milliseconds patience);

 private:
  std::string name_;
  pid_t pid_ = -1;
  Descriptor to_;
  std::optional<LinePort> from_;
};

}  // namespace nat::check
