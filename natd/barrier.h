// Keeps the way between the two interfaces shut while a starting natd replaces what a killed one has left.
// What is left behind lets nothing pass; without it, and before the new datapath stands, a kernel that
// forwards would send internal addresses out and let strangers in.
//
// The way stays shut when natd cannot start after all, until it can or `natd --cleanup` opens it.
#pragma once

#include <string>

#include "natd/host/journal.h"

namespace nat {

class Barrier {
 public:
  // Shuts the way. When that is not possible (nft is missing), the log has a warning.
  Barrier(const std::string& internal, const std::string& external);

  // Shuts it again if need be, and writes down how to open it. Throws std::runtime_error.
  void record(Journal& journal) const;
  void open() const;

 private:
  std::string remove_;
  std::string rules_;
};

}  // namespace nat
