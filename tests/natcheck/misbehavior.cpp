#include "tests/natcheck/misbehavior.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "tests/natcheck/multi.h"
#include "tests/natcheck/report.h"

namespace nat::check {
namespace {

constexpr milliseconds kSynAnswer{6000};  // RFC 5382 REQ-4: an ICMP error may be sent after as long
constexpr std::size_t kNameWidth = 26;

struct Entry {
  const char* name;
  const char* description;
  const char* rule;
};

// By Misbehavior.
constexpr Entry kEntries[] = {
    {"syn-reset", "answers unsolicited SYNs with a reset", "RFC 5382 REQ-4"},
    {"syn-icmp", "answers unsolicited SYNs with an ICMP error at once", "RFC 5382 REQ-4"},
    {"short-lifetime", "forgets idle mappings too soon", "RFC 4787 REQ-5"},
    {"no-outbound-refresh", "forgets mappings though packets leave through them", "RFC 4787 REQ-6"},
    {"mapping-loss", "forgets mappings while they are used", "RFC 4787 REQ-5"},
    {"filter-ends-mapping", "forgets a mapping when it rejects a packet to it", "RFC 4787 REQ-5"},
    {"class-change", "does not always map or filter alike", "RFC 4787 REQ-11"},
    {"port-overloading", "gives one external endpoint to several hosts", "RFC 4787 REQ-3"},
    {"sequential-ports", "gives external ports that can be predicted", "RFC 6056 section 3.1"},
    {"payload-rewriting", "changes addresses in payloads", "RFC 4787 REQ-10"},
    {"fragments-lost", "loses fragmented datagrams", "RFC 4787 REQ-14"},
    {"no-hairpin", "does not let internal hosts meet at their external endpoints", "RFC 4787 REQ-9"},
    {"hairpin-internal-source", "shows internal sources in hairpinned packets", "RFC 4787 REQ-9"},
};
static_assert(std::size(kEntries) == static_cast<std::size_t>(Misbehavior::hairpin_internal_source) + 1);

const Entry& entry(Misbehavior misbehavior) { return kEntries[static_cast<std::size_t>(misbehavior)]; }

bool is(const std::optional<bool>& value, bool wanted) { return value == wanted; }

class Collector {
 public:
  explicit Collector(Protocol protocol) : protocol_(protocol) {}

  void add(Misbehavior what, bool seen) {
    if (seen) sightings_.push_back({what, protocol_});
  }
  bool has(Misbehavior what) const {
    return std::find(sightings_.begin(), sightings_.end(), Sighting{what, protocol_}) != sightings_.end();
  }
  Sightings take() { return std::move(sightings_); }

 private:
  Protocol protocol_;
  Sightings sightings_;
};

void add_hairpin(Collector& found, const Hairpin& hairpin, const std::optional<bool>& translated) {
  if (!is(translated, true)) return;
  const bool internal = is(external_source(hairpin), false);
  found.add(Misbehavior::hairpin_internal_source, internal);
  found.add(Misbehavior::no_hairpin, !internal && is(hairpin.two_way, false));
}

void add_syn_answer(Collector& found, const Unsolicited& unsolicited) {
  const auto answer = response(unsolicited);
  if (!found.has(Misbehavior::syn_reset)) found.add(Misbehavior::syn_reset, answer == Response::refused);
  if (!found.has(Misbehavior::syn_icmp))
    found.add(Misbehavior::syn_icmp, answer == Response::icmp && unsolicited.after < kSynAnswer);
}

void append(Sightings& all, const Sightings& more) { all.insert(all.end(), more.begin(), more.end()); }

// Hosts that no server has seen cannot be met.
bool none_meet(const MultiFindings& findings) {
  if (findings.pairs.empty() || findings.rounds.empty() || !findings.rounds.front().complete) return false;
  return std::none_of(findings.pairs.begin(), findings.pairs.end(),
                      [](const auto& entry) { return entry.second.two_way; });
}

// `internal`: some protocol showed internal sources. A TCP handshake cannot come about then, which is no
// fault more.
Sightings misbehaviors(const MultiFindings& findings, bool internal) {
  Collector found(findings.protocol);
  const bool shared = overloaded(findings);
  found.add(Misbehavior::port_overloading, shared);
  // Hosts that share an endpoint have others wherever they would clash.
  found.add(Misbehavior::class_change, !shared && is(steady(findings), false));
  found.add(Misbehavior::hairpin_internal_source, is(external_sources(findings), false));
  found.add(Misbehavior::no_hairpin, !internal && none_meet(findings));
  return found.take();
}

}  // namespace

const char* to_string(Misbehavior misbehavior) { return entry(misbehavior).name; }
const char* description(Misbehavior misbehavior) { return entry(misbehavior).description; }
const char* rule(Misbehavior misbehavior) { return entry(misbehavior).rule; }

Sightings misbehaviors(const Findings& findings) {
  Collector found(findings.protocol);
  if (findings.protocol == Protocol::tcp) {
    add_syn_answer(found, findings.from_third_server);
    add_syn_answer(found, findings.from_second_port);
  }
  found.add(Misbehavior::payload_rewriting, is(findings.payload_untouched, false));
  add_hairpin(found, findings.hairpin, translated(findings));
  return found.take();
}

Sightings misbehaviors(const stun::Findings& findings, milliseconds floor) {
  Collector found(findings.protocol);
  if (findings.lifetime) {
    const stun::Lifetime& lifetime = *findings.lifetime;
    found.add(Misbehavior::short_lifetime, lifetime.dead && *lifetime.dead <= floor);
    found.add(Misbehavior::no_outbound_refresh, is(lifetime.outbound_refresh, false));
  }
  const bool losing = findings.endurance && loses_mappings(*findings.endurance, findings.lifetime);
  found.add(Misbehavior::mapping_loss, losing);
  found.add(Misbehavior::filter_ends_mapping, !losing && is(findings.survives_filter, false));
  found.add(Misbehavior::class_change,
            !losing && (is(steady_mapping(findings), false) || is(steady_filtering(findings), false)));
  found.add(Misbehavior::sequential_ports, is(predictable(findings), true));
  found.add(Misbehavior::payload_rewriting, is(findings.payload_untouched, false));
  found.add(Misbehavior::fragments_lost, is(findings.fragments, false));
  add_hairpin(found, findings.hairpin, translated(findings));
  return found.take();
}

Sightings misbehaviors(const Report& report) {
  Sightings all;
  for (const auto* findings : {&report.udp, &report.tcp}) {
    if (*findings) append(all, misbehaviors(**findings));
  }
  return all;
}

Sightings misbehaviors(const MultiReport& report) {
  const bool internal =
      std::any_of(report.protocols.begin(), report.protocols.end(),
                  [](const MultiFindings& findings) { return is(external_sources(findings), false); });
  Sightings all;
  for (const MultiFindings& findings : report.protocols) append(all, misbehaviors(findings, internal));
  return all;
}

std::string lines(const Sightings& sightings) {
  if (sightings.empty()) return "misbehaviours: none seen\n";
  std::string text = "misbehaviours:\n";
  for (const Sighting& sighting : sightings) {
    std::string name = std::string("  ") + to_string(sighting.what);
    name.resize(std::max(name.size(), kNameWidth), ' ');
    text += name + (sighting.protocol == Protocol::udp ? " UDP  " : " TCP  ") + description(sighting.what) +
            " (" + rule(sighting.what) + ")\n";
  }
  return text;
}

nlohmann::json json(const Sightings& sightings) {
  nlohmann::json list = nlohmann::json::array();
  for (const Sighting& sighting : sightings) {
    list.push_back({{"name", to_string(sighting.what)},
                    {"protocol", to_string(sighting.protocol)},
                    {"description", description(sighting.what)},
                    {"rule", rule(sighting.what)}});
  }
  return list;
}

}  // namespace nat::check
