// The parser of the only octets that unknown hosts send to a server: whatever it accepts, it must write back
// the same.
#include <algorithm>
#include <cstdlib>

#include "tests/natcheck/message.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::uint8_t> octets(data, size);
  nat::check::Message message;
  if (!nat::check::parse(octets, message)) return 0;
  const auto again = nat::check::encode(message);
  if (!std::equal(octets.begin(), octets.end(), again.begin(), again.end())) std::abort();
  return 0;
}
