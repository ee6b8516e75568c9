// What a run with a STUN server has found, as text and as JSON.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "tests/natcheck/misbehavior.h"
#include "tests/natcheck/stun/settings.h"

namespace nat::check::stun {

struct Report {
  Settings settings;
  std::optional<Findings> udp, tcp;  // the protocols that were asked for
};

Sightings misbehaviors(const Report& report);

// 0 if no misbehaviour was seen, 1 if one was, kUnreachable if the server never answered.
int exit_code(const Report& report);

// An aligned table, and the misbehaviours by name.
std::string table(const Report& report);

// One object, version 1: keys are only added within a version; null is what could not be found out.
nlohmann::json json(const Report& report);

}  // namespace nat::check::stun
