#include "natd/control/port_forwards.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "config/diagnostic.h"
#include "config/port_forward.h"
#include "config/validate.h"
#include "config/value.h"
#include "natd/control/protocol.h"

namespace nat {
namespace {

using ForwardEntry = PortForwards::Entry;

std::unique_ptr<Reply> say(std::string line) { return std::make_unique<LineReply>(std::move(line)); }

std::unique_ptr<Reply> refuse(std::uint64_t id, const char* code, std::string message,
                              std::string hint = "") {
  return say(error_line(id, {code, std::move(message), std::move(hint)}));
}

// Of the configured mapping, live ones.
std::uint32_t sessions_of(Service& service, const ForwardEntry& entry) {
  if (!entry.mapped) return 0;
  const auto engine = service.shared_engine().lock();
  const auto view = engine->static_mapping(entry.mapped->id, engine.now());
  return view ? view->sessions : 0;
}

Json forward_record(Service& service, const ForwardEntry& entry) {
  const PortForward& forward = entry.forward;
  const Endpoint external = entry.mapped ? entry.mapped->external : forward.external;
  Json record{{"id", entry.mapped ? Json(entry.mapped->id) : Json(nullptr)},
              {"proto", to_string(forward.protocol)},
              {"external", external.to_string()},
              {"internal", forward.internal.to_string()}};
  if (!forward.name.empty()) record["name"] = forward.name;
  record["sessions"] = sessions_of(service, entry);
  record["active"] = entry.mapped.has_value();
  return record;
}

std::optional<ForwardEntry> entry_of(Service& service, const PortForward& forward) {
  for (ForwardEntry& entry : service.port_forwards()) {
    if (entry.forward == forward) return std::move(entry);
  }
  return std::nullopt;
}

// Why the forward cannot be one of these.
std::optional<Diagnostic> clash_with(const std::vector<PortForward>& present, const PortForward& forward) {
  for (const PortForward& other : present) {
    const bool same_name = !forward.name.empty() && other.name == forward.name;
    if (!same_name && !clash(other, forward)) continue;
    Diagnostic problem;
    problem.message = (same_name ? "the name '" + forward.name + "'" : std::string("the external port")) +
                      " is taken by '" + format_port_forward(other) + "'";
    problem.hint = "natctl port-forward del " +
                   (other.name.empty()
                        ? std::string(to_string(other.protocol)) + " " + std::to_string(other.external.port)
                        : other.name);
    return problem;
  }
  return std::nullopt;
}

Edit without(const PortForward& forward) {
  return [forward](const Settings& running) -> Result<Settings> {
    Settings settings = running;
    std::erase(settings.port_forwards, forward);
    return settings;
  };
}

// The name, the id of the mapping, the external endpoint in one of its ways, or the whole rule.
bool is_meant(const ForwardEntry& entry, const std::string& which,
              const std::optional<PortForward>& written) {
  const PortForward& forward = entry.forward;
  if (!forward.name.empty() && forward.name == which) return true;
  if (entry.mapped && parse_number(which, UINT64_MAX) == entry.mapped->id) return true;
  if (written && clash(*written, forward) && written->internal == forward.internal) return true;
  const std::string protocol = std::string(to_string(forward.protocol)) + " ";
  return which == protocol + std::to_string(forward.external.port) ||
         which == protocol + forward.external.to_string() ||
         (entry.mapped && which == protocol + entry.mapped->external.to_string());
}

std::optional<ForwardEntry> find_entry(Service& service, const std::string& which) {
  std::optional<PortForward> written;
  if (which.find("->") != std::string::npos) {
    if (const auto parsed = parse_port_forward(which)) written = *parsed;
  }
  for (ForwardEntry& entry : service.port_forwards()) {
    if (is_meant(entry, which, written)) return std::move(entry);
  }
  return std::nullopt;
}

}  // namespace

std::unique_ptr<Reply> add_port_forward(Service& service, std::uint64_t id, const PortForward& forward) {
  if (const auto there = entry_of(service, forward)) {
    return say(done_line(id, {{"changed", false}, {"port_forward", forward_record(service, *there)}}));
  }
  const ChangeReport changed = service.change([&](const Settings& running) -> Result<Settings> {
    if (const auto problem = clash_with(running.port_forwards, forward)) return *problem;
    if (running.port_forwards.size() >= kMostPortForwards) {
      Diagnostic problem;
      problem.message =
          "there are " + std::to_string(kMostPortForwards) + " port forwards, as many as may be";
      problem.hint = "remove some";
      return problem;
    }
    Settings settings = running;
    settings.port_forwards.push_back(forward);
    return validate(settings, {}, Interfaces::optional);
  });
  if (!changed.problems.empty()) {
    return refuse(id, "refused", changed.problems.front().message, changed.problems.front().hint);
  }
  if (!changed.refusal.empty()) return refuse(id, "refused", changed.refusal);
  const auto made = entry_of(service, forward);
  if (!made || !made->mapped) {
    service.change(without(forward));
    const std::string problem = made && !made->problem.empty()
                                    ? made->problem
                                    : format_port_forward(forward) + ": natd could not make this mapping";
    const auto end = problem.find("; ");
    return refuse(id, "refused", problem.substr(0, end),
                  end == std::string::npos ? "" : problem.substr(end + 2));
  }
  return say(done_line(id, {{"changed", true}, {"port_forward", forward_record(service, *made)}}));
}

std::unique_ptr<Reply> delete_port_forward(Service& service, std::uint64_t id, const std::string& which) {
  const auto found = find_entry(service, which);
  if (!found) {
    return refuse(id, "not-found", "there is no port forward " + in_quotes(which),
                  "natctl port-forward list shows them");
  }
  const Json record = forward_record(service, *found);
  const ChangeReport changed = service.change(without(found->forward));
  if (!changed.refusal.empty()) return refuse(id, "refused", changed.refusal);
  const bool gone = changed.after.port_forwards.size() < changed.before.port_forwards.size();
  return say(done_line(id, {{"changed", gone}, {"port_forward", record}}));
}

std::unique_ptr<Reply> list_port_forwards(Service& service, std::uint64_t id) {
  Json items = Json::array();
  for (const ForwardEntry& entry : service.port_forwards()) items.push_back(forward_record(service, entry));
  return std::make_unique<ListReply>(id, std::move(items), Json::object());
}

}  // namespace nat
