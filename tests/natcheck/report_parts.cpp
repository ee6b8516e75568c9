#include "tests/natcheck/report_parts.h"

#include <algorithm>

namespace nat::check {

std::string text(const std::optional<Endpoint>& endpoint) {
  return endpoint ? endpoint->to_string() : "no answer";
}

std::string text(const std::optional<Behavior>& behavior) {
  return behavior ? to_string(*behavior) : kUnknown;
}

std::string yes_no(const std::optional<bool>& value, const char* yes, const char* no) {
  return value ? (*value ? yes : no) : kUnknown;
}

std::string text_of_hairpin(const Hairpin& hairpin, const std::optional<bool>& way) {
  if (!way) return kUnknown;
  if (!*way) return "no";
  if (!hairpin.source) return "yes";
  return "yes, from " + hairpin.source->to_string();
}

std::string text_of_source(const Hairpin& hairpin) {
  const auto external = external_source(hairpin);
  if (!external) return "-";
  return *external ? "external" : "internal, against RFC 4787 REQ-9";
}

std::string padded(std::string cell, std::size_t width) {
  cell.resize(std::max(width, cell.size()), ' ');
  return cell;
}

std::string aligned(const Cells& cells) {
  constexpr std::size_t kGap = 3;
  std::vector<std::size_t> widths;
  for (const auto& line : cells) {
    widths.resize(std::max(widths.size(), line.size()));
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  std::string text;
  for (const auto& line : cells) {
    for (std::size_t i = 0; i + 1 < line.size(); ++i) text += padded(line[i], widths[i] + kGap);
    if (!line.empty()) text += line.back();
    text += "\n";
  }
  return text;
}

nlohmann::json json(const Hairpin& hairpin) {
  return {{"one_way", or_null(hairpin.one_way)},
          {"two_way", or_null(hairpin.two_way)},
          {"source", or_null(hairpin.source)},
          {"sender_local", hairpin.local.to_string()},
          {"sender_external", or_null(hairpin.external)},
          {"external_source", or_null(external_source(hairpin))}};
}

}  // namespace nat::check
