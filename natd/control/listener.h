// The socket in the file system, and who may come in through it.
#pragma once

#include <optional>
#include <string>

#include <sys/types.h>

#include "natd/system/event_loop.h"

namespace nat {

class ControlListener {
 public:
  // Makes the socket, in place of one that a dead natd left behind. std::runtime_error when it cannot.
  ControlListener(std::string path, const std::string& group);
  // Removes the socket, unless another process has one there now.
  ~ControlListener();
  ControlListener(const ControlListener&) = delete;
  ControlListener& operator=(const ControlListener&) = delete;

  int fd() const { return socket_.get(); }

  struct Peer {
    Descriptor socket;
    uid_t user = 0;
    bool allowed = false;
  };
  // The next one that waits; nothing when none does. `exhausted` is set when the process has no descriptor
  // left for it, so that the guest goes on waiting.
  std::optional<Peer> accept(bool& exhausted);

 private:
  bool allows(int socket, uid_t user, gid_t group) const;

  const std::string path_;
  std::optional<gid_t> group_;
  Descriptor socket_;
  ino_t inode_ = 0;
};

}  // namespace nat
