// Any octets on the control socket are either requests, which natctl's writer writes again the same way, or
// rejections, which are one line of JSON whatever they quote.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <variant>

#include "natd/control/protocol.h"

using namespace nat;

namespace {

void must(bool holds) {
  if (!holds) std::abort();
}

void check_request(const Request& request) {
  std::string line = format_request(request);
  must(line.ends_with('\n'));
  line.pop_back();
  const auto again = parse_request(line);
  must(std::holds_alternative<Request>(again));
  // Text that is no UTF-8 cannot be in a request that was read, so nothing was replaced.
  must(std::get<Request>(again) == request);
}

void check_rejection(const Rejection& rejection) {
  must(!rejection.error.code.empty());
  must(!rejection.error.message.empty());
  const std::string line = error_line(rejection.id, rejection.error);
  must(line.find('\n') == line.size() - 1);
  const Json message = Json::parse(line, nullptr, false);
  must(message.is_object() && message.contains("error"));
}

void check_line(std::string_view line) {
  const auto parsed = parse_request(line);
  if (const auto* request = std::get_if<Request>(&parsed)) {
    check_request(*request);
  } else {
    check_rejection(std::get<Rejection>(parsed));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // The octets arrive in pieces, as the first of them says.
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const std::size_t piece = rest.empty() ? 1 : 1 + static_cast<std::uint8_t>(rest.front());
  LineBuffer buffer;
  while (!rest.empty() && !buffer.overlong()) {
    const std::size_t taken = std::min({piece, rest.size(), buffer.room()});
    buffer.add({rest.data(), taken});
    rest.remove_prefix(taken);
    while (const auto line = buffer.take_line()) check_line(*line);
  }
  check_line({reinterpret_cast<const char*>(data), size});
  return 0;
}
