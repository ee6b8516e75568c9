// One natd for each network namespace: a lock on a file that is named after the namespace, held while the
// value lives, and gone with the process however that ends.
//
// Programs that natd runs (nft, ip) share the lock: they go on when natd is killed, and the next natd must
// not look at what they have not finished. It waits for them.
#pragma once

#include <string>

#include "natd/system/descriptor.h"
#include "natd/system/state_directory.h"

namespace nat {

class Instance {
 public:
  // Throws std::runtime_error: when another natd serves this namespace (with its process id), or when the
  // directory cannot be written or must not be believed (make_state_directory()).
  explicit Instance(const std::string& directory = kStateDirectory);
  ~Instance();
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

 private:
  bool lock();

  std::string path_;
  Descriptor file_;
};

}  // namespace nat
