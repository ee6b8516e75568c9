// One natd for each network namespace: a lock on a file that is named after the namespace, held while the
// value lives, and gone with the process however that ends.
#pragma once

#include <string>

#include "natd/system/event_loop.h"

namespace nat {

class Instance {
 public:
  // Throws std::runtime_error: when another natd serves this namespace (with its process id), or when the
  // directory cannot be written.
  explicit Instance(const std::string& directory = "/run/natd");
  ~Instance();
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

 private:
  std::string path_;
  Descriptor file_;
};

}  // namespace nat
