// Misbehaviours of gateways, by name: what the RFCs forbid or warn of, and what of a report shows it.
// Behaviours that an administrator may choose, such as symmetric mapping, are none.
//
// Where one misbehaviour makes another test fail too, only the cause is named.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "tests/natcheck/findings.h"
#include "tests/natcheck/stun/findings.h"

namespace nat::check {

struct Report;
struct MultiReport;

enum class Misbehavior : std::uint8_t {
  syn_reset,
  syn_icmp,
  short_lifetime,
  no_outbound_refresh,
  mapping_loss,
  filter_ends_mapping,
  class_change,
  port_overloading,
  sequential_ports,
  payload_rewriting,
  fragments_lost,
  no_hairpin,
  hairpin_internal_source,
};

// "syn-reset".
const char* to_string(Misbehavior misbehavior);
// What it is, in a few words; and which rule it breaks.
const char* description(Misbehavior misbehavior);
const char* rule(Misbehavior misbehavior);

struct Sighting {
  Misbehavior what;
  Protocol protocol;
  bool operator==(const Sighting&) const = default;
};
using Sightings = std::vector<Sighting>;

Sightings misbehaviors(const Findings& findings);
// `floor`: how long a mapping must live.
Sightings misbehaviors(const stun::Findings& findings, milliseconds floor);
Sightings misbehaviors(const Report& report);
Sightings misbehaviors(const MultiReport& report);

// A line for each, or one that says that there is none.
std::string lines(const Sightings& sightings);
// A list of objects with name, protocol, description and rule.
nlohmann::json json(const Sightings& sightings);

}  // namespace nat::check
