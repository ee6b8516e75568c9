#include "tests/natcheck/stun/report.h"

#include <functional>

#include "tests/natcheck/report.h"
#include "tests/natcheck/report_parts.h"

namespace nat::check::stun {
namespace {

using nlohmann::json;

std::vector<const Findings*> columns(const Report& report) {
  std::vector<const Findings*> found;
  if (report.udp) found.push_back(&*report.udp);
  if (report.tcp) found.push_back(&*report.tcp);
  return found;
}

const char* title(const Findings& findings) { return findings.protocol == Protocol::udp ? "UDP" : "TCP"; }

double seconds(milliseconds time) { return std::chrono::duration<double>(time).count(); }

std::string text_of_seconds(milliseconds time) {
  std::string text = std::to_string(time.count() / 1000);
  if (const auto tenths = time.count() % 1000 / 100; tenths != 0) text += "." + std::to_string(tenths);
  return text + " s";
}

// How the server's other endpoints are met, of the first port that knows.
std::optional<bool> let(const Findings& findings, std::optional<bool> Let::*which) {
  for (const Let& one : findings.let) {
    if (one.*which) return one.*which;
  }
  return std::nullopt;
}

std::string text_of_lifetime(const Findings& findings) {
  if (!findings.lifetime) return "-";
  const Lifetime& lifetime = *findings.lifetime;
  if (!lifetime.dead) return "more than " + text_of_seconds(lifetime.alive);
  return text_of_seconds(lifetime.alive) + " to " + text_of_seconds(*lifetime.dead);
}

std::string text_of_refresh(const Findings& findings, std::optional<bool> Lifetime::*which) {
  return findings.lifetime ? yes_no(*findings.lifetime.*which) : "-";
}

std::string text_of_losses(const Findings& findings) {
  if (!findings.endurance) return kUnknown;
  return std::to_string(findings.endurance->losses) + " of " + std::to_string(findings.endurance->packets) +
         " packets";
}

struct Row {
  const char* title;
  bool tcp;  // known of TCP too
  std::function<std::string(const Findings&)> cell;
};

const std::vector<Row>& rows() {
  static const std::vector<Row> all = {
      {"local endpoint", true, [](const Findings& f) { return f.seen.front().local.to_string(); }},
      {"  seen by the server", true, [](const Findings& f) { return text(f.seen.front().primary); }},
      {"  by its other address", true, [](const Findings& f) { return text(f.seen.front().other_address); }},
      {"  by other address and port", true,
       [](const Findings& f) { return text(f.seen.front().other_both); }},
      {"translated", true, [](const Findings& f) { return yes_no(translated(f)); }},
      {"mapping", true, [](const Findings& f) { return text(mapping(f)); }},
      {"filtering", false, [](const Findings& f) { return text(filtering(f)); }},
      {"  hears other address and port", false,
       [](const Findings& f) { return yes_no(let(f, &Let::other_both)); }},
      {"  hears other port", false, [](const Findings& f) { return yes_no(let(f, &Let::other_port)); }},
      {"  hears other address", false, [](const Findings& f) { return yes_no(let(f, &Let::other_address)); }},
      {"  rejects and keeps the mapping", false, [](const Findings& f) { return yes_no(f.survives_filter); }},
      {"hairpin, one-way", false,
       [](const Findings& f) { return text_of_hairpin(f.hairpin, f.hairpin.one_way); }},
      {"hairpin, two-way", false,
       [](const Findings& f) { return text_of_hairpin(f.hairpin, f.hairpin.two_way); }},
      {"  its source", false, [](const Findings& f) { return text_of_source(f.hairpin); }},
      {"lifetime", false, text_of_lifetime},
      {"  refreshed from inside", false,
       [](const Findings& f) { return text_of_refresh(f, &Lifetime::outbound_refresh); }},
      {"  refreshed from outside", false,
       [](const Findings& f) { return text_of_refresh(f, &Lifetime::inbound_refresh); }},
      {"mappings lost in use", false, text_of_losses},
      {"ports can be predicted", true, [](const Findings& f) { return yes_no(predictable(f)); }},
      {"fragments", false, [](const Findings& f) { return yes_no(f.fragments, "pass", "LOST"); }},
      {"payload", true,
       [](const Findings& f) { return yes_no(f.payload_untouched, "untouched", "ALTERED"); }},
  };
  return all;
}

json json_of(const Seen& seen) {
  return {{"local", seen.local.to_string()},
          {"primary", or_null(seen.primary)},
          {"other_address", or_null(seen.other_address)},
          {"other_both", or_null(seen.other_both)},
          {"mapping", or_null(mapping(seen))}};
}

json json_of(const Let& let) {
  return {{"other_both", or_null(let.other_both)},
          {"other_port", or_null(let.other_port)},
          {"other_address", or_null(let.other_address)},
          {"filtering", or_null(filtering(let))}};
}

json json_of(const Lifetime& lifetime) {
  return {{"alive", seconds(lifetime.alive)},
          {"dead", lifetime.dead ? json(seconds(*lifetime.dead)) : json()},
          {"outbound_refresh", or_null(lifetime.outbound_refresh)},
          {"inbound_refresh", or_null(lifetime.inbound_refresh)}};
}

json json_of(const Findings& findings) {
  json seen = json::array(), allocations = json::array();
  for (const Seen& one : findings.seen) seen.push_back(json_of(one));
  for (const Allocation& one : findings.allocations)
    allocations.push_back({{"local", one.local}, {"external", one.external}});
  json object = {{"seen", seen},
                 {"translated", or_null(translated(findings))},
                 {"mapping", or_null(mapping(findings))},
                 {"steady_mapping", or_null(steady_mapping(findings))},
                 {"allocations", allocations},
                 {"predictable", or_null(predictable(findings))},
                 {"payload_untouched", or_null(findings.payload_untouched)}};
  if (findings.protocol == Protocol::tcp) return object;
  json let = json::array();
  for (const Let& one : findings.let) let.push_back(json_of(one));
  object["filter"] = let;
  object["filtering"] = or_null(filtering(findings));
  object["steady_filtering"] = or_null(steady_filtering(findings));
  object["survives_filter"] = or_null(findings.survives_filter);
  object["hairpin"] = check::json(findings.hairpin);
  object["fragments"] = or_null(findings.fragments);
  object["endurance"] = findings.endurance ? json{{"packets", findings.endurance->packets},
                                                  {"losses", findings.endurance->losses}}
                                           : json();
  object["lifetime"] = findings.lifetime ? json_of(*findings.lifetime) : json();
  return object;
}

std::optional<Endpoint> other_address(const Report& report) {
  for (const Findings* findings : columns(report)) {
    if (findings->other_address) return findings->other_address;
  }
  return std::nullopt;
}

}  // namespace

Sightings misbehaviors(const Report& report) {
  Sightings all;
  for (const Findings* findings : columns(report)) {
    const Sightings more = check::misbehaviors(*findings, report.settings.floor);
    all.insert(all.end(), more.begin(), more.end());
  }
  return all;
}

int exit_code(const Report& report) {
  for (const Findings* findings : columns(report)) {
    if (reached(*findings)) return misbehaviors(report).empty() ? 0 : 1;
  }
  return kUnreachable;
}

std::string table(const Report& report) {
  const auto found = columns(report);
  Cells cells{{""}};
  for (const Findings* findings : found) cells[0].push_back(title(*findings));
  for (const Row& row : rows()) {
    if (!report.udp && !row.tcp) continue;
    cells.push_back({row.title});
    for (const Findings* findings : found) {
      cells.back().push_back(row.tcp || findings->protocol == Protocol::udp ? row.cell(*findings) : "-");
    }
  }
  const auto other = other_address(report);
  return "server " + report.settings.server.to_string() +
         (other ? ", and " + other->to_string() : ", which names no other address") + "\n\n" +
         aligned(cells) + "\n" + lines(misbehaviors(report));
}

nlohmann::json json(const Report& report) {
  nlohmann::json object = {{"version", 1},
                           {"server", report.settings.server.to_string()},
                           {"other_address", or_null(other_address(report))},
                           {"exit", exit_code(report)},
                           {"misbehaviors", check::json(misbehaviors(report))}};
  for (const Findings* findings : columns(report)) object[to_string(findings->protocol)] = json_of(*findings);
  return object;
}

}  // namespace nat::check::stun
