// What unknown hosts send to the STUN server, and a gateway's other side to the client: whatever is accepted
// must mean the same after it has been written and read again.
#include <cstdlib>

#include "tests/natcheck/stun/message.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace nat::check::stun;
  auto message = parse({data, size});
  if (!message) return 0;
  message->not_understood.clear();
  const auto again = encode(*message);
  if (again.size() <= kLongest && parse(again) != message) std::abort();
  return 0;
}
