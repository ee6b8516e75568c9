#include "translation/policy/policy.h"

namespace nat {

const char* to_string(Allocation allocation) {
  return allocation == Allocation::random ? "random" : "sequential";
}

const char* to_string(UnsolicitedSyn answer) {
  return answer == UnsolicitedSyn::silent ? "silent" : "icmp-delayed";
}

const char* to_string(AddressOptions options) {
  return options == AddressOptions::refuse ? "refuse" : "blank";
}

const char* to_string(SynAnswer answer) {
  switch (answer) {
    case SynAnswer::none:
      break;
    case SynAnswer::reset:
      return "reset";
    case SynAnswer::icmp:
      return "icmp";
  }
  return "none";
}

}  // namespace nat
