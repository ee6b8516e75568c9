// How the multi-client test is shown: a line for each round, one for the hairpins, and the verdict.
#include <algorithm>
#include <sstream>

#include <nlohmann/json.hpp>

#include "tests/natcheck/misbehavior.h"
#include "tests/natcheck/multi.h"
#include "tests/natcheck/report_parts.h"

namespace nat::check {
namespace {

constexpr std::size_t kNamedHosts = 6;

const char* title(const MultiFindings& findings) {
  return findings.protocol == Protocol::udp ? "UDP" : "TCP";
}

const char* loud(bool value) { return value ? "yes" : "NO"; }

struct Count {
  std::size_t pairs = 0, one_way = 0, upward = 0, two_way = 0;
};

Count count(const MultiFindings& findings) {
  Count all;
  for (const auto& [direction, pair] : findings.pairs) {
    ++all.pairs;
    if (pair.two_way) ++all.two_way;
    if (direction.first > direction.second) continue;
    ++all.upward;
    if (pair.one_way) ++all.one_way;
  }
  return all;
}

void write(std::ostream& text, const MultiFindings& findings) {
  constexpr std::size_t kName = 20, kColumn = 13;
  text << padded(title(findings), kName) << padded("complete", kColumn) << padded("consistent", kColumn)
       << padded("distinct", kColumn) << "unchanged\n";
  for (const Round& round : findings.rounds) {
    text << padded(round.name, kName) << padded(loud(round.complete), kColumn)
         << padded(loud(round.consistent), kColumn) << padded(loud(round.distinct), kColumn)
         << (round.unchanged ? loud(*round.unchanged) : "-") << "\n";
  }
  const Count counted = count(findings);
  text << padded("hairpins", kName) << "one-way " << counted.one_way << " of " << counted.upward
       << ", two-way " << counted.two_way << " of " << counted.pairs;
  if (const auto external = external_sources(findings))
    text << ", sources " << (*external ? "external" : "INTERNAL");
  text << "\n" << padded("strays", kName) << findings.strays << "\n";
  text << padded("one server each", kName)
       << (findings.apart.size() < 2 ? "unknown"
           : overloaded(findings)    ? "endpoints SHARED"
                                     : "endpoints distinct")
       << "\n\n";
}

nlohmann::json json(const Round& round) {
  nlohmann::json endpoints = nlohmann::json::object();
  for (const auto& [host, endpoint] : round.endpoints)
    endpoints[std::to_string(host + 1)] = or_null(endpoint);
  return {{"name", round.name},
          {"endpoints", endpoints},
          {"complete", round.complete},
          {"consistent", round.consistent},
          {"distinct", round.distinct},
          {"unchanged", round.unchanged ? nlohmann::json(*round.unchanged) : nlohmann::json()}};
}

nlohmann::json json(const MultiFindings& findings) {
  nlohmann::json rounds = nlohmann::json::array(), pairs = nlohmann::json::array();
  for (const Round& round : findings.rounds) rounds.push_back(json(round));
  for (const auto& [direction, pair] : findings.pairs) {
    pairs.push_back(
        {{"from", direction.first + 1},
         {"to", direction.second + 1},
         {"one_way", direction.first < direction.second ? nlohmann::json(pair.one_way) : nlohmann::json()},
         {"two_way", pair.two_way},
         {"source", or_null(pair.source)}});
  }
  nlohmann::json apart = nlohmann::json::object();
  for (const auto& [host, endpoint] : findings.apart) apart[std::to_string(host + 1)] = endpoint.to_string();
  return {{"rounds", rounds},
          {"hairpins", pairs},
          {"external_sources", or_null(external_sources(findings))},
          {"strays", findings.strays},
          {"apart", apart},
          {"overloaded", overloaded(findings)},
          {"steady", or_null(steady(findings))},
          {"undisturbed", undisturbed(findings)},
          {"hairpins_work", hairpins(findings)}};
}

}  // namespace

std::string table(const MultiReport& report) {
  std::ostringstream text;
  text << report.hosts.size() << " hosts at local port " << report.port << ":";
  const std::size_t named = std::min(report.hosts.size(), kNamedHosts);
  for (std::size_t i = 0; i < named; ++i) text << (i ? ", " : " ") << report.hosts[i].second;
  text << (named < report.hosts.size() ? ", ...\n\n" : "\n\n");
  for (const MultiFindings& findings : report.protocols) write(text, findings);
  text << lines(misbehaviors(report)) << "several hosts:";
  const char* separator = " ";
  for (const MultiFindings& findings : report.protocols) {
    text << separator << title(findings) << (undisturbed(findings) ? " undisturbed" : " DISTURBED")
         << ", hairpins " << (hairpins(findings) ? "yes" : "no");
    separator = "; ";
  }
  text << "\n";
  return text.str();
}

nlohmann::json json(const MultiReport& report) {
  nlohmann::json object = {{"version", 1}, {"port", report.port}, {"exit", exit_code(report)}};
  object["hosts"] = nlohmann::json::array();
  for (std::size_t i = 0; i < report.hosts.size(); ++i) {
    object["hosts"].push_back(
        {{"number", i + 1}, {"command", report.hosts[i].first}, {"local", report.hosts[i].second}});
  }
  for (const MultiFindings& findings : report.protocols)
    object[to_string(findings.protocol)] = json(findings);
  object["misbehaviors"] = json(misbehaviors(report));
  return object;
}

}  // namespace nat::check
