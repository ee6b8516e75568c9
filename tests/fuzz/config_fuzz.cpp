// Any text is either settings or complaints. Settings that were accepted are written out where they differ
// from the defaults, read again, and must be the same; complaints stand at a line of the text.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "config/change.h"
#include "config/document.h"
#include "config/option.h"
#include "config/validate.h"

using namespace nat;

namespace {

void must(bool holds) {
  if (!holds) std::abort();
}

void check_round_trip(const Settings& settings) {
  std::string text;
  for (const Option& option : options()) {
    const std::string value = option.write(settings);
    if (!value.empty() && value != option.default_value())
      text += std::string(option.key) + " = " + value + "\n";
  }
  const Document written = parse_document(text, "written");
  const auto again = validate({}, {&written, 1}, Interfaces::optional);
  must(static_cast<bool>(again));
  must(*again == settings);
}

void check_complaints(const Diagnostics& problems, std::string_view text) {
  const auto lines = static_cast<unsigned>(std::count(text.begin(), text.end(), '\n')) + 1;
  must(!problems.empty());
  for (const Diagnostic& problem : problems) {
    must(problem.at.line <= lines);
    must(!problem.message.empty());
    const std::string shown = problem.to_string();
    must(shown.find('\n') == std::string::npos);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Document document = parse_document(text, "fuzz");
  const auto settings = validate({}, {&document, 1}, Interfaces::optional);
  if (settings) {
    check_round_trip(*settings);
  } else {
    check_complaints(settings.problems(), text);
  }
  return 0;
}
