// What a run has found, as text and as JSON.
#pragma once

#include <optional>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "tests/natcheck/client_settings.h"
#include "tests/natcheck/findings.h"

namespace nat::check {

struct Report {
  ClientSettings settings;
  std::optional<Findings> udp, tcp;  // the protocols that were asked for
};

// 0 if every protocol asked for can be punched; else the sum of 1 for UDP and 2 for TCP; kUnreachable if no
// server answered at all.
int exit_code(const Report& report);
inline constexpr int kUnreachable = 69, kUsage = 64, kSetup = 71;

// An aligned table, ending in the verdict.
std::string table(const Report& report);

// One object, version 1: keys are only added within a version; null is what could not be found out.
nlohmann::json json(const Report& report);

}  // namespace nat::check
