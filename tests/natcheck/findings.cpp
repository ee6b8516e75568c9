#include "tests/natcheck/findings.h"

namespace nat::check {

const char* to_string(Response response) {
  switch (response) {
    case Response::silent:
      return "silent";
    case Response::refused:
      return "refused";
    case Response::icmp:
      return "icmp";
    case Response::passed:
      return "passed";
    case Response::intercepted:
      return "intercepted";
  }
  return "";
}

bool reached(const Findings& findings) {
  return findings.first_server || findings.second_server || findings.second_port;
}

std::optional<bool> translated(const Findings& findings) {
  if (findings.first_server) return *findings.first_server != findings.local;
  if (findings.second_server) return *findings.second_server != findings.local;
  return std::nullopt;
}

namespace {

std::optional<bool> consistent(const std::optional<Endpoint>& first, const std::optional<Endpoint>& second,
                               const std::optional<Endpoint>& second_port) {
  if (!first || !second) return std::nullopt;
  return first == second && (!second_port || second_port == second);
}

}  // namespace

std::optional<bool> consistent(const Findings& findings) {
  return consistent(findings.first_server, findings.second_server, findings.second_port);
}

std::optional<Behavior> mapping_of(const std::optional<Endpoint>& first,
                                   const std::optional<Endpoint>& second,
                                   const std::optional<Endpoint>& second_port) {
  if (second && second_port && second != second_port) return Behavior::address_and_port_dependent;
  const auto same = consistent(first, second, second_port);
  if (!same) return std::nullopt;
  if (*same) return Behavior::endpoint_independent;
  if (!second_port) return std::nullopt;
  return Behavior::address_dependent;
}

std::optional<Behavior> mapping(const Findings& findings) {
  return mapping_of(findings.first_server, findings.second_server, findings.second_port);
}

std::optional<Behavior> filtering(const Findings& findings) {
  const auto& stranger = findings.from_third_server.arrived;
  const auto& other_port = findings.from_second_port.arrived;
  if (!stranger) return std::nullopt;
  if (*stranger) return Behavior::endpoint_independent;
  if (!other_port) return std::nullopt;
  return *other_port ? Behavior::address_dependent : Behavior::address_and_port_dependent;
}

std::optional<Response> response(const Unsolicited& unsolicited) {
  if (unsolicited.arrived.value_or(false)) return Response::passed;
  switch (unsolicited.response) {
    case Outcome::sent:
    case Outcome::pending:
      return Response::silent;
    case Outcome::refused:
      return Response::refused;
    case Outcome::icmp:
      return Response::icmp;
    case Outcome::open:
      return Response::intercepted;
    default:
      return std::nullopt;
  }
}

std::optional<bool> external_source(const Hairpin& hairpin) {
  if (!hairpin.source || !hairpin.external) return std::nullopt;
  // The address alone: a mapping that depends on the destination gives the sender another port here.
  return hairpin.source->address == hairpin.external->address;
}

std::optional<bool> punchable(const Findings& findings) {
  const auto same = consistent(findings);
  if (!same.value_or(false) || findings.protocol == Protocol::udp) return same;
  const auto answer = response(findings.from_third_server);
  if (!answer) return std::nullopt;
  return answer == Response::silent || answer == Response::passed;
}

}  // namespace nat::check
