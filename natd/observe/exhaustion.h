// Warns the operator when natd refuses newcomers for want of room (RFC 6888 REQ-11: notify management):
// ports, limits, an external address; and when the kernel finds no room in natd's queue. A sentence for each
// kind of shortage when it begins, and once a minute while it lasts.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "translation/state/view.h"

namespace nat {

class ExhaustionWatch {
 public:
  // Compares with the counters of the last call. Returns what there is to say, mostly nothing.
  std::vector<std::string> check(const Counters& counters, TimePoint now);
  // The same for Backend::overruns(); empty mostly.
  std::string check_overruns(std::uint64_t overruns, TimePoint now);

 private:
  struct Seen {
    std::uint64_t packets = 0;  // up to the last sentence
    TimePoint quiet_until{};
  };
  std::array<Seen, kReasonCount> seen_{};
  Seen overruns_;
};

}  // namespace nat
