// Keeps the engine's configured mappings equal to the port forwards of the settings, by the engine's verbs:
// what is wanted against what is there. A change costs what changes, and a forward that only gets another
// name keeps its connections. Thread-safe by its owner: one call at a time.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/port_forward.h"
#include "natd/engine/shared_engine.h"

namespace nat {

class PortForwards {
 public:
  explicit PortForwards(SharedEngine& engine) : engine_(engine) {}

  // A wanted forward, and the mapping that it has; none when it could not be made, and then why.
  struct Entry {
    PortForward forward;
    std::optional<Mapped> mapped;
    std::string problem;  // a sentence, then after "; " what to do
  };

  // Makes what is wanted and is not there, ends what is not wanted. Those that could not be made are tried
  // again, and where the pool has changed all of them are looked at. Returns the problems that are new.
  std::vector<std::string> sync(const std::vector<PortForward>& wanted, bool pool_changed);
  const std::vector<Entry>& entries() const { return entries_; }

 private:
  void end(const std::vector<Entry>& entries);
  void make(Entry& entry);

  SharedEngine& engine_;
  std::vector<Entry> entries_;
};

}  // namespace nat
