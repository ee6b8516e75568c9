#include "translation/policy.h"

namespace nat {

const char* to_string(Allocation allocation) {
  return allocation == Allocation::random ? "random" : "sequential";
}

}  // namespace nat
