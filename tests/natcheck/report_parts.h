// What the reports have in common: how a finding is put as text, and as JSON.
#pragma once

#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/natcheck/findings.h"

namespace nat::check {

inline const char* const kUnknown = "unknown";

std::string text(const std::optional<Endpoint>& endpoint);
std::string text(const std::optional<Behavior>& behavior);
std::string yes_no(const std::optional<bool>& value, const char* yes = "yes", const char* no = "no");
// One of the ways of a hairpin, and what its receiver saw.
std::string text_of_hairpin(const Hairpin& hairpin, const std::optional<bool>& way);
std::string text_of_source(const Hairpin& hairpin);

// With spaces behind, to `width`.
std::string padded(std::string cell, std::size_t width);

// Lines of cells, put one below the other.
using Cells = std::vector<std::vector<std::string>>;
std::string aligned(const Cells& cells);

// Null for what is not known.
template <typename T>
nlohmann::json or_null(const std::optional<T>& value) {
  if constexpr (std::is_same_v<T, Endpoint>) {
    return value ? nlohmann::json(value->to_string()) : nlohmann::json();
  } else if constexpr (std::is_enum_v<T>) {
    return value ? nlohmann::json(to_string(*value)) : nlohmann::json();
  } else {
    return value ? nlohmann::json(*value) : nlohmann::json();
  }
}

nlohmann::json json(const Hairpin& hairpin);

}  // namespace nat::check
