#include "translation/net/reason.h"

namespace nat {
namespace {

struct Text {
  const char* name;
  const char* sentence;
};

constexpr Text kTexts[] = {
#define REASON(enumerator, name, outcome, sentence) {name, sentence},
#include "translation/net/reasons.def"
#undef REASON
};

}  // namespace

const char* to_string(Reason reason) { return kTexts[static_cast<std::size_t>(reason)].name; }

const char* sentence(Reason reason) { return kTexts[static_cast<std::size_t>(reason)].sentence; }

const char* to_string(Action action) {
  switch (action) {
    case Action::forward:
      return "forward";
    case Action::pass:
      return "pass";
    case Action::hold:
      return "hold";
    case Action::drop:
      return "drop";
  }
  return "unknown";
}

std::optional<Reason> parse_reason(std::string_view name) {
  for (std::size_t i = 0; i < kReasonCount; ++i) {
    if (name == kTexts[i].name) return static_cast<Reason>(i);
  }
  return std::nullopt;
}

}  // namespace nat
