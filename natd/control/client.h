// natctl's end of the control socket: connects, asks one thing, hands over the items of the answer as they
// come.
#pragma once

#include <functional>
#include <string>

#include "natd/control/json.h"
#include "natd/control/protocol.h"
#include "natd/control/result.h"

namespace nat {

class ControlClient {
 public:
  // Errors: "unreachable" when no natd answers at the path, or what natd says instead of hello.
  static ControlResult<ControlClient> connect(const std::string& path);

  ControlClient(ControlClient&& other) noexcept;
  ControlClient& operator=(ControlClient&&) = delete;
  ~ControlClient();

  // Gets each item of the answer; false ends the request early.
  using Sink = std::function<bool(const Json& item)>;
  // The last message of the answer. A watch goes on until `sink` or natd ends it.
  ControlResult<Json> ask(const Request& request, const Sink& sink);

 private:
  explicit ControlClient(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}

  // A negative time waits for ever.
  ControlResult<Json> read_message(int timeout_ms);
  void write(const std::string& line);
  ControlError lost(const std::string& why) const;

  int fd_;
  std::string path_;
  std::string held_;
  std::size_t scanned_ = 0;
};

}  // namespace nat
