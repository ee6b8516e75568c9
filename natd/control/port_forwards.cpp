#include "natd/control/port_forwards.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "config/change.h"
#include "config/diagnostic.h"
#include "config/port_forward.h"
#include "config/value.h"
#include "natd/control/protocol.h"
#include "natd/control/table_dump.h"

namespace nat {
namespace {

std::unique_ptr<Reply> say(std::string line) { return std::make_unique<LineReply>(std::move(line)); }

std::unique_ptr<Reply> refuse(std::uint64_t id, const char* code, std::string message,
                              std::string hint = "") {
  return say(error_line(id, {code, std::move(message), std::move(hint)}));
}

// Whether the mapping is the rule's. A rule without an address got the first of the pool.
bool made_for(const PortForward& forward, const MappingView& mapping) {
  return mapping.protocol == forward.protocol && mapping.internal == forward.internal &&
         mapping.external.port == forward.external.port &&
         (forward.external.address.unspecified() || forward.external == mapping.external) &&
         mapping.name == forward.name;
}

const MappingView* mapping_of(const PortForward& forward, const std::vector<MappingView>& mappings) {
  const auto found = std::find_if(mappings.begin(), mappings.end(),
                                  [&](const MappingView& mapping) { return made_for(forward, mapping); });
  return found == mappings.end() ? nullptr : &*found;
}

Json forward_record(const PortForward& forward, const MappingView* mapping) {
  const Endpoint external = mapping == nullptr ? forward.external : mapping->external;
  Json record{{"id", mapping == nullptr ? Json(nullptr) : Json(mapping->id)},
              {"proto", to_string(forward.protocol)},
              {"external", external.to_string()},
              {"internal", forward.internal.to_string()}};
  if (!forward.name.empty()) record["name"] = forward.name;
  record["sessions"] = mapping == nullptr ? 0 : mapping->sessions;
  record["active"] = mapping != nullptr;
  return record;
}

// The running settings with one more rule, checked as the file would be.
Result<Settings> with(const Settings& running, const PortForward& forward) {
  std::vector<std::string> assignments;
  for (const PortForward& present : running.policy.port_forwards) {
    assignments.push_back("forward.rule=" + format_port_forward(present));
  }
  assignments.push_back("forward.rule=" + format_port_forward(forward));
  return apply_assignments(running, assignments);
}

std::optional<std::size_t> find_forward(const std::vector<PortForward>& forwards,
                                        const std::vector<MappingView>& mappings, const std::string& which) {
  const auto number = parse_number(which, UINT64_MAX);
  const auto written = which.find("->") == std::string::npos ? std::optional<PortForward>()
                                                             : [&]() -> std::optional<PortForward> {
    const auto parsed = parse_port_forward(which);
    return parsed ? std::optional(*parsed) : std::nullopt;
  }();
  for (std::size_t i = 0; i < forwards.size(); ++i) {
    const PortForward& forward = forwards[i];
    if (!forward.name.empty() && forward.name == which) return i;
    const MappingView* mapping = mapping_of(forward, mappings);
    if (number && mapping != nullptr && mapping->id == *number) return i;
    if (written && clash(*written, forward) && written->internal == forward.internal) return i;
    const std::string protocol = std::string(to_string(forward.protocol)) + " ";
    if (which == protocol + std::to_string(forward.external.port)) return i;
    if (which == protocol + forward.external.to_string()) return i;
    if (mapping != nullptr && which == protocol + mapping->external.to_string()) return i;
  }
  return std::nullopt;
}

// What the engine said about the one rule, among all that it refused: a sentence, then what to do.
std::string error_about(const PortForward& forward, const std::vector<std::string>& refused) {
  const std::string key =
      ":" + std::to_string(forward.external.port) + " -> " + forward.internal.to_string() + ":";
  for (const std::string& sentence : refused) {
    if (sentence.starts_with(to_string(forward.protocol)) && sentence.find(key) != std::string::npos)
      return sentence;
  }
  return format_port_forward(forward) + ": natd could not make this mapping";
}

}  // namespace

std::unique_ptr<Reply> add_port_forward(Service& service, std::uint64_t id, const PortForward& forward) {
  const Settings running = service.settings();
  for (const PortForward& present : running.policy.port_forwards) {
    if (present == forward) {
      const auto mappings = configured_mappings(service);
      return say(done_line(id, {{"changed", false},
                                {"port_forward", forward_record(forward, mapping_of(forward, mappings))}}));
    }
    const bool same_name = !forward.name.empty() && present.name == forward.name;
    if (!same_name && !clash(present, forward)) continue;
    return refuse(
        id, "refused",
        (same_name ? "the name '" + forward.name + "'" : "the external port") + " is taken by '" +
            format_port_forward(present) + "'",
        "natctl port-forward del " + (present.name.empty() ? std::string(to_string(present.protocol)) + " " +
                                                                 std::to_string(present.external.port)
                                                           : present.name));
  }
  const auto wanted = with(running, forward);
  if (!wanted)
    return refuse(id, "refused", wanted.problems().front().message, wanted.problems().front().hint);
  const ApplyOutcome outcome = service.apply(*wanted);
  if (!outcome.error.empty()) return refuse(id, "refused", outcome.error);
  const auto mappings = configured_mappings(service);
  const MappingView* made = mapping_of(forward, mappings);
  if (made == nullptr) {
    service.apply(running);
    const std::string error = error_about(forward, outcome.report.refused);
    const auto end = error.find("; ");
    return refuse(id, "refused", error.substr(0, end), end == std::string::npos ? "" : error.substr(end + 2));
  }
  return say(done_line(id, {{"changed", true}, {"port_forward", forward_record(forward, made)}}));
}

std::unique_ptr<Reply> delete_port_forward(Service& service, std::uint64_t id, const std::string& which) {
  Settings settings = service.settings();
  auto& forwards = settings.policy.port_forwards;
  const auto mappings = configured_mappings(service);
  const auto found = find_forward(forwards, mappings, which);
  if (!found) {
    return refuse(id, "not-found", "there is no port forward " + in_quotes(which),
                  "natctl port-forward list shows them");
  }
  const PortForward forward = forwards[*found];
  const Json record = forward_record(forward, mapping_of(forward, mappings));
  forwards.erase(forwards.begin() + static_cast<std::ptrdiff_t>(*found));
  const ApplyOutcome outcome = service.apply(settings);
  if (!outcome.error.empty()) return refuse(id, "refused", outcome.error);
  return say(done_line(id, {{"changed", true}, {"port_forward", record}}));
}

std::unique_ptr<Reply> list_port_forwards(Service& service, std::uint64_t id) {
  const auto mappings = configured_mappings(service);
  Json items = Json::array();
  for (const PortForward& forward : service.settings().policy.port_forwards) {
    items.push_back(forward_record(forward, mapping_of(forward, mappings)));
  }
  return std::make_unique<ListReply>(id, std::move(items), Json::object());
}

}  // namespace nat
