// What natd changed in the namespace it runs in, written down before it is changed, so that it can be taken
// back: by natd itself on exit, or after kill -9 by the next start or by `natd --cleanup`.
//
// One file for each network namespace, /run/natd/netns-INODE.journal, one JSON object a line; undone last to
// first. Entries are idempotent: undoing one twice, or one that never happened, does no harm. The first line
// names the namespace by the kernel's cookie, because inodes come back: a journal that a namespace left when
// it was deleted must not be played in the next one.
//
// Not thread-safe. One process at a time; Instance (natd/system/instance.h) sees to that.
#pragma once

#include <string>
#include <vector>

#include "natd/system/command.h"

namespace nat {

class Journal {
 public:
  // Opens the journal of the network namespace this process is in. Throws std::runtime_error.
  explicit Journal(std::string directory = "/run/natd");

  // True when an earlier natd left entries behind.
  bool stale() const;
  // Sentences of what undo_all() would take back, in its order.
  std::vector<std::string> pending() const;

  // Sets a sysctl such as "net/ipv4/ip_forward", noting the value it had. Nothing is done when it
  // already has the value. Throws std::runtime_error.
  void set_sysctl(const std::string& key, const std::string& value);

  // Runs `apply` (argument vector, no shell; `input` on its standard input), having written down how to undo
  // it. Throws std::runtime_error with the command and what it printed when it fails.
  void run(const std::vector<std::string>& apply, const std::vector<std::string>& undo,
           const std::string& input = {});

  // Takes everything back, last to first, and removes the journal. Returns what could not be undone, as
  // sentences.
  std::vector<std::string> undo_all() noexcept;

  // Sentences of what was changed, for the log.
  const std::vector<std::string>& changes() const { return changes_; }

 private:
  void append(const std::string& line);

  std::string path_;
  std::string namespace_line_;
  std::vector<std::string> changes_;
};

}  // namespace nat
