// What natd changed in the namespace it runs in, written down before it is changed, so that it can be taken
// back: by natd itself on exit, or after kill -9 by the next start or by `natd --cleanup`.
//
// One file for each network namespace, /run/natd/netns-INODE.journal, which is replaced as a whole: a line
// that names the boot and the namespace, then one Undo (natd/system/undo.h) a line, undone last to first. The
// kernel's cookie is in the first line because inodes come back: a journal that a namespace left when it was
// deleted must not be played in the next one.
//
// The running natd undoes what it remembers; the file is for others. What cannot be undone stays written
// down.
//
// Not thread-safe. One process at a time; Instance (natd/system/instance.h) sees to that.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "natd/system/state_directory.h"
#include "natd/system/undo.h"

namespace nat {

class Journal {
 public:
  // More things than natd can change.
  static constexpr std::size_t kMostEntries = 1024;

  // Opens the journal of the network namespace this process is in. Throws std::runtime_error, with what to do
  // about it, when the file or its directory must not be believed (make_state_directory(),
  // why_not_believed()) or is too damaged to tell whose it is.
  explicit Journal(std::string directory = kStateDirectory);

  // True while there are entries that this process has neither written nor tried to undo.
  bool stale() const { return stale_; }
  // Adds what the namespace shows to be an earlier natd's, as entries left behind; only in memory.
  void add_leftovers(const std::vector<Undo>& found);
  // Sentences of what undo_all() would take back, in its order.
  std::vector<std::string> pending() const;
  // Whether there is nothing but this entry.
  bool holds_only(const Undo& undo) const;

  // Call it before the change that `undo` takes back. What was noted about the same thing before is replaced,
  // so that a change made again and again takes one line. Throws std::runtime_error when it cannot be written
  // down; then the change must not be made.
  void note(const Undo& undo);
  // Call it after the change was taken back by other means. A file that cannot be written is no error:
  // undoing twice does no harm.
  void forget(const Undo& undo) noexcept;

  // Sets a sysctl such as "net/ipv4/conf/eth0/forwarding", noting the value it had. Nothing is done when it
  // already has the value. Throws std::runtime_error.
  void set_sysctl(const std::string& key, const std::string& value);

  // Takes everything back, last to first, but for `kept`. What could not be undone is returned as sentences
  // and stays in the journal. A journal without entries is removed.
  std::vector<std::string> undo_all(const std::optional<Undo>& kept = std::nullopt) noexcept;

  // Sentences of what is to be taken back since this was last called, for the log.
  std::vector<std::string> take_changes();

  // What to do about entries that could not be undone: a sentence for the operator.
  std::string advice() const;

 private:
  // Either an Undo, or a line that is none.
  struct Entry {
    std::optional<Undo> undo;
    std::string line;
  };
  void load();
  void read_lines(const std::string& text);
  void save() const;
  bool put(const Undo& undo);
  std::string sentence(const Entry& entry) const;
  std::optional<std::string> problem_of(const Entry& entry) const;

  std::string directory_;
  std::string path_;
  std::string head_;
  std::vector<Entry> entries_;
  bool stale_ = false;
  std::vector<std::string> changes_;
};

}  // namespace nat
