// The parser of everything that unknown hosts send to a peer or to S: whatever it accepts, it must write back
// the same.
#include <algorithm>
#include <cstdlib>

#include "tests/traversal/message.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::uint8_t> octets(data, size);
  nat::traversal::Message message;
  if (!nat::traversal::parse(octets, message)) return 0;
  const auto again = nat::traversal::encode(message);
  if (!std::equal(octets.begin(), octets.end(), again.begin(), again.end())) std::abort();
  return 0;
}
