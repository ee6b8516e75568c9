#include "tests/traversal/result.h"

#include <sstream>

#include <nlohmann/json.hpp>

namespace nat::traversal {
namespace {

nlohmann::json value(const Endpoint& endpoint) {
  return endpoint == Endpoint{} ? nlohmann::json() : nlohmann::json(endpoint.to_string());
}

const char* to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::reached:
      return "reached";
    case Outcome::no_way:
      return "no-way";
    case Outcome::alone:
      return "alone";
    case Outcome::no_server:
      return "no-server";
    case Outcome::refused:
      return "refused";
  }
  return "";
}

double seconds(milliseconds duration) { return static_cast<double>(duration.count()) / 1000; }

}  // namespace

const char* to_string(Technique technique) {
  switch (technique) {
    case Technique::punch:
      return "punch";
    case Technique::sequential:
      return "sequential";
    case Technique::predict:
      return "predict";
    case Technique::reverse:
      return "reverse";
    case Technique::relay:
      return "relay";
  }
  return "";
}

const char* to_string(Start start) {
  switch (start) {
    case Start::now:
      return "now";
    case Start::after_peer:
      return "after-peer";
    case Start::never:
      return "never";
    case Start::enter:
      return "enter";
  }
  return "";
}

std::string path(const Result& result) {
  if (result.outcome != Outcome::reached) return "";
  if (result.settings.technique == Technique::relay) return "relay";
  if (result.settings.technique == Technique::reverse) return "reversed";
  const Address there = result.remote.address;
  if (there == result.partner_internal.address && there != result.partner_external.address) return "private";
  const bool translated = result.partner_internal != result.partner_external;
  return translated && there == result.external.address ? "hairpin" : "public";
}

bool reflexive(const Result& result) {
  return result.outcome == Outcome::reached && result.settings.technique != Technique::relay &&
         result.remote != result.partner_external && result.remote != result.partner_internal;
}

nlohmann::json json(const Result& result) {
  const std::string taken = path(result);
  nlohmann::json all{{"version", 1},
                     {"technique", to_string(result.settings.technique)},
                     {"protocol", nat::to_string(result.settings.protocol)},
                     {"start", to_string(result.settings.start)},
                     {"strict", result.settings.strict},
                     {"name", result.settings.name},
                     {"peer", result.settings.partner},
                     {"outcome", to_string(result.outcome)},
                     {"success", result.outcome == Outcome::reached},
                     {"path", taken.empty() ? nlohmann::json() : nlohmann::json(taken)},
                     {"reason", result.reason.empty() ? nlohmann::json() : nlohmann::json(result.reason)},
                     {"remote", value(result.remote)},
                     {"reflexive", reflexive(result)},
                     {"seen_as", value(result.seen_as)},
                     {"local", value(result.local)},
                     {"external", value(result.external)},
                     {"peer_internal", value(result.partner_internal)},
                     {"peer_external", value(result.partner_external)},
                     {"peer_success", result.partner_reached},
                     {"rejected", result.rejected},
                     {"resets", result.rebuffs.resets},
                     {"icmp_errors", result.rebuffs.icmp_errors},
                     {"seconds", seconds(result.duration)},
                     {"exit", exit_code(result)}};
  all["heard"] = nlohmann::json::array();
  for (const Endpoint& source : result.heard) all["heard"].push_back(source.to_string());
  return all;
}

std::string text(const Result& result) {
  const PeerSettings& settings = result.settings;
  std::ostringstream out;
  switch (result.outcome) {
    case Outcome::reached:
      out << settings.partner << " reached over " << nat::to_string(settings.protocol) << " at "
          << result.remote.to_string() << ", " << path(result) << " path, after " << seconds(result.duration)
          << " s\n";
      if (reflexive(result)) out << "  S knew it as " << result.partner_external.to_string() << "\n";
      if (result.seen_as != Endpoint{})
        out << "  " << settings.partner << " sees us at " << result.seen_as.to_string() << "\n";
      if (!result.partner_reached) out << "  whether it has reached us too is not known\n";
      break;
    case Outcome::no_way:
      out << settings.partner << " not reached over " << nat::to_string(settings.protocol) << ": "
          << (result.reason.empty() ? "no answer in " + std::to_string(settings.patience.count()) + " ms"
                                    : result.reason)
          << "\n  S sees it at " << result.partner_external.to_string() << ", and us at "
          << result.external.to_string() << "\n";
      if (!result.heard.empty()) out << "  it was heard from " << result.heard.front().to_string() << "\n";
      break;
    case Outcome::alone:
      out << settings.partner << " has not joined; S sees us at " << result.external.to_string() << "\n";
      break;
    case Outcome::no_server:
      out << "no answer from " << settings.server.to_string() << "; does natpunch server run there?\n";
      break;
    case Outcome::refused:
      out << settings.server.to_string() << " refuses the name " << settings.name
          << ": somebody else uses it, or did within the last 15 seconds, or the server is full\n";
      break;
  }
  if (result.rejected > 0) out << "  rejected: " << result.rejected << " messages\n";
  if (result.rebuffs.resets > 0) out << "  refused with a reset: " << result.rebuffs.resets << " times\n";
  if (result.rebuffs.icmp_errors > 0) out << "  ICMP errors: " << result.rebuffs.icmp_errors << "\n";
  return out.str();
}

int exit_code(const Result& result) {
  switch (result.outcome) {
    case Outcome::reached:
      return 0;
    case Outcome::no_way:
      return kNoWay;
    case Outcome::alone:
      return kAlone;
    case Outcome::no_server:
      return kUnreachable;
    case Outcome::refused:
      return kRefused;
  }
  return kNoWay;
}

}  // namespace nat::traversal
