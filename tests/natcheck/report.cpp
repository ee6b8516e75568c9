#include "tests/natcheck/report.h"

#include <algorithm>
#include <functional>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/natcheck/misbehavior.h"
#include "tests/natcheck/report_parts.h"

namespace nat::check {
namespace {

std::string text_of_response(const Unsolicited& unsolicited) {
  const auto found = response(unsolicited);
  if (!found) return kUnknown;
  switch (*found) {
    case Response::silent:
      return "dropped in silence";
    case Response::refused:
      return "refused (RST)";
    case Response::icmp:
      return "refused (ICMP " + std::to_string(unsolicited.icmp_type) + "/" +
             std::to_string(unsolicited.icmp_code) + ")";
    case Response::passed:
      return "passed";
    case Response::intercepted:
      return "answered by something in between";
  }
  return kUnknown;
}

const char* name(Outcome third_connection) {
  switch (third_connection) {
    case Outcome::simultaneous:
      return "simultaneous";
    case Outcome::accepted:
      return "accepted";
    case Outcome::accepted_after_refusal:
      return "accepted-after-refusal";
    case Outcome::accepted_after_icmp:
      return "accepted-after-icmp";
    default:
      return "failed";
  }
}

std::string text_of_third(const Findings& findings) {
  if (findings.protocol == Protocol::udp) return "-";
  if (findings.third_connection_failed) return "failed";
  if (!findings.third_connection)
    return findings.from_third_server.arrived.value_or(false) ? "came from S3" : kUnknown;
  switch (*findings.third_connection) {
    case Outcome::simultaneous:
      return "simultaneous open";
    case Outcome::accepted:
      return "accepted by S3";
    case Outcome::accepted_after_refusal:
      return "accepted by S3, after a RST to its SYN";
    case Outcome::accepted_after_icmp:
      return "accepted by S3, after an ICMP error to its SYN";
    default:
      return kUnknown;
  }
}

struct Row {
  const char* title;
  std::function<std::string(const Findings&)> cell;
};

const std::vector<Row>& rows() {
  static const std::vector<Row> all = {
      {"local endpoint", [](const Findings& f) { return f.local.to_string(); }},
      {"  seen by S1", [](const Findings& f) { return text(f.first_server); }},
      {"  seen by S2", [](const Findings& f) { return text(f.second_server); }},
      {"  seen by S2, second port", [](const Findings& f) { return text(f.second_port); }},
      {"translated", [](const Findings& f) { return yes_no(translated(f)); }},
      {"mapping", [](const Findings& f) { return text(mapping(f)); }},
      {"filtering", [](const Findings& f) { return text(filtering(f)); }},
      {"  unasked, from S3", [](const Findings& f) { return text_of_response(f.from_third_server); }},
      {"  unasked, from S2, second port",
       [](const Findings& f) { return text_of_response(f.from_second_port); }},
      {"own connection to S3", text_of_third},
      {"hairpin, one-way", [](const Findings& f) { return text_of_hairpin(f.hairpin, f.hairpin.one_way); }},
      {"hairpin, two-way", [](const Findings& f) { return text_of_hairpin(f.hairpin, f.hairpin.two_way); }},
      {"  its source", [](const Findings& f) { return text_of_source(f.hairpin); }},
      {"payload", [](const Findings& f) { return yes_no(f.payload_untouched, "untouched", "ALTERED"); }},
  };
  return all;
}

std::vector<const Findings*> columns(const Report& report) {
  std::vector<const Findings*> found;
  if (report.udp) found.push_back(&*report.udp);
  if (report.tcp) found.push_back(&*report.tcp);
  return found;
}

const char* title(const Findings& findings) { return findings.protocol == Protocol::udp ? "UDP" : "TCP"; }

std::string verdict(const Report& report) {
  std::string line = "hole punching:";
  const char* separator = " ";
  for (const Findings* findings : columns(report)) {
    line += separator;
    line += title(*findings);
    line += " " + (reached(*findings) ? yes_no(punchable(*findings)) : "blocked");
    separator = ", ";
  }
  return line + "\n";
}

nlohmann::json json(const Unsolicited& unsolicited) {
  nlohmann::json object = {{"arrived", or_null(unsolicited.arrived)},
                           {"response", or_null(response(unsolicited))}};
  const bool icmp = unsolicited.response == Outcome::icmp;
  object["icmp"] = icmp ? nlohmann::json{{"type", unsolicited.icmp_type}, {"code", unsolicited.icmp_code}}
                        : nlohmann::json();
  return object;
}

nlohmann::json json(const Findings& findings) {
  nlohmann::json object = {
      {"local", findings.local.to_string()},
      {"seen_by",
       {{"s1", or_null(findings.first_server)},
        {"s2", or_null(findings.second_server)},
        {"s2_second_port", or_null(findings.second_port)}}},
      {"translated", or_null(translated(findings))},
      {"consistent", or_null(consistent(findings))},
      {"mapping", or_null(mapping(findings))},
      {"filtering", or_null(filtering(findings))},
      {"unsolicited",
       {{"s3", json(findings.from_third_server)}, {"s2_second_port", json(findings.from_second_port)}}},
      {"hairpin", json(findings.hairpin)},
      {"payload_untouched", or_null(findings.payload_untouched)},
      {"hole_punching", or_null(punchable(findings))}};
  if (findings.protocol == Protocol::tcp) {
    object["connection_to_s3"] = findings.third_connection ? nlohmann::json(name(*findings.third_connection))
                                 : findings.third_connection_failed ? nlohmann::json("failed")
                                                                    : nlohmann::json();
  }
  return object;
}

}  // namespace

int exit_code(const Report& report) {
  bool any = false;
  int code = 0;
  for (const Findings* findings : columns(report)) {
    any = any || reached(*findings);
    if (!punchable(*findings).value_or(false)) code |= findings->protocol == Protocol::udp ? 1 : 2;
  }
  return any ? code : kUnreachable;
}

std::string table(const Report& report) {
  const auto found = columns(report);
  Cells cells{{""}};
  for (const Findings* findings : found) cells[0].push_back(title(*findings));
  for (const Row& row : rows()) {
    cells.push_back({row.title});
    for (const Findings* findings : found) cells.back().push_back(row.cell(*findings));
  }
  std::string text = "S1 " + report.settings.first().to_string() + "  S2 " +
                     report.settings.second().to_string() + "  S3 " + report.settings.third().to_string() +
                     "\n\n";
  text += aligned(cells);
  return text + "\n" + lines(misbehaviors(report)) + verdict(report);
}

nlohmann::json json(const Report& report) {
  nlohmann::json object = {{"version", 1}, {"servers", nlohmann::json::array()}, {"exit", exit_code(report)}};
  for (const Endpoint& server : report.settings.servers) object["servers"].push_back(server.to_string());
  nlohmann::json punching = nlohmann::json::object();
  for (const Findings* findings : columns(report)) {
    const char* const protocol = to_string(findings->protocol);
    object[protocol] = json(*findings);
    punching[protocol] = or_null(punchable(*findings));
  }
  object["hole_punching"] = punching;
  object["misbehaviors"] = json(misbehaviors(report));
  return object;
}

}  // namespace nat::check
