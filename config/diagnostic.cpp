#include "config/diagnostic.h"

namespace nat {
namespace {

constexpr std::size_t kLongestQuote = 64;

}  // namespace

std::string Diagnostic::to_string() const {
  std::string text = at.source;
  if (at.line > 0) text += ":" + std::to_string(at.line) + ":" + std::to_string(at.column);
  if (!text.empty()) text += ": ";
  text += "error: " + message;
  if (!hint.empty()) text += "; " + hint;
  return text;
}

std::string to_string(const Diagnostics& problems) {
  std::string text;
  for (const Diagnostic& problem : problems) text += problem.to_string() + "\n";
  return text;
}

std::string in_quotes(std::string_view text) {
  std::string printable;
  for (const char c : text.substr(0, kLongestQuote)) {
    const auto octet = static_cast<unsigned char>(c);
    printable += octet < 0x20 || octet >= 0x7f ? '?' : c;
  }
  if (text.size() > kLongestQuote) printable += "...";
  return "'" + printable + "'";
}

}  // namespace nat
