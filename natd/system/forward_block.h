// Keeps the way between the two interfaces shut while natd starts, and, when it is asked to, between its end
// and its next start: without it a kernel that forwards would send internal addresses out and let remote
// hosts in.
//
// It is a table of one fixed name, written down in the journal before it is there. Where natd found something
// of an earlier natd's, or was told to end with the way shut, it stays shut until natd runs or `natd
// --cleanup` opens it.
#pragma once

#include <string>

#include "natd/system/journal.h"

namespace nat {

class ForwardBlock {
 public:
  // `journal` must outlive it.
  ForwardBlock(Journal& journal, std::string internal, std::string external);

  // Writes down how to open the way, and shuts it; does nothing more where it is shut already. Throws
  // std::runtime_error.
  void shut();
  // Throws std::runtime_error when the way stays shut.
  void open();

  // What opens the way, as the journal has it.
  static Undo undo();

 private:
  Journal& journal_;
  std::string internal_;
  std::string external_;
};

}  // namespace nat
