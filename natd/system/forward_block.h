// Keeps the way between the two interfaces shut while a starting natd replaces what a killed one has left.
// What is left behind lets nothing pass; without it, and before the new datapath stands, a kernel that
// forwards would send internal addresses out and let remote hosts in.
//
// The way stays shut when natd cannot start after all, until it can or `natd --cleanup` opens it.
#pragma once

#include <string>

#include "natd/system/journal.h"

namespace nat {

class ForwardBlock {
 public:
  // Shuts the way. When that is not possible (nft is missing), problem() says so.
  ForwardBlock(const std::string& internal, const std::string& external);

  // Shuts it again if need be, and writes down how to open it. Throws std::runtime_error.
  void record(Journal& journal) const;
  void open() const;

  // A sentence for the operator; empty mostly.
  const std::string& problem() const { return problem_; }

 private:
  std::string remove_;
  std::string rules_;
  std::string problem_;
};

}  // namespace nat
