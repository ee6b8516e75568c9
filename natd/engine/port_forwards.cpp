#include "natd/engine/port_forwards.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

namespace nat {
namespace {

using Key = std::tuple<Protocol, Endpoint, Endpoint>;

// A name is not what makes a forward.
Key key_of(const PortForward& forward) { return {forward.protocol, forward.external, forward.internal}; }

std::string sentence_about(const PortForward& forward, const MapRefusal& refusal) {
  std::string text = std::string(to_string(forward.protocol)) + " " + forward.external.to_string() + " -> " +
                     forward.internal.to_string() + ": ";
  switch (refusal.error) {
    case MapError::port_taken:
      if (refusal.holder == Endpoint{}) return text + "the port is in use";
      return text + "the port is in use by " + refusal.holder.to_string() +
             "; end that mapping first: natctl flush external " + refusal.external.to_string();
    case MapError::port_of_gateway:
      return text + to_string(refusal.error) + "; stop it or choose another port";
    case MapError::no_external_address:
      return text + to_string(refusal.error) + "; natd makes it when there is one";
    default:
      return text + to_string(refusal.error);
  }
}

}  // namespace

std::vector<std::string> PortForwards::sync(const std::vector<PortForward>& wanted, bool pool_changed) {
  std::map<Key, Entry> known;
  for (Entry& entry : entries_) {
    const Key key = key_of(entry.forward);
    known.insert_or_assign(key, std::move(entry));
  }
  entries_.clear();
  for (const PortForward& forward : wanted) {
    Entry entry{forward, std::nullopt, ""};
    if (auto node = known.extract(key_of(forward)); !node.empty()) {
      const bool same_name = node.mapped().forward.name == forward.name;
      if (same_name && !pool_changed) entry.mapped = node.mapped().mapped;
      entry.problem = std::move(node.mapped().problem);
    }
    entries_.push_back(std::move(entry));
  }
  std::vector<Entry> unwanted;
  for (auto& [key, entry] : known) unwanted.push_back(std::move(entry));
  end(unwanted);
  std::vector<std::string> problems;
  for (Entry& entry : entries_) {
    if (entry.mapped) continue;
    const std::string before = entry.problem;
    make(entry);
    if (!entry.problem.empty() && entry.problem != before) problems.push_back(entry.problem);
  }
  return problems;
}

void PortForwards::end(const std::vector<Entry>& entries) {
  for (const Entry& entry : entries) {
    if (!entry.mapped) continue;
    const auto engine = engine_.lock();
    engine->unmap(entry.mapped->id, kOperator, engine.now());
  }
}

void PortForwards::make(Entry& entry) {
  const PortForward& forward = entry.forward;
  const auto engine = engine_.lock();
  const MapResult result = engine->map({.protocol = forward.protocol,
                                        .internal = forward.internal,
                                        .external = forward.external,
                                        .name = forward.name},
                                       engine.now());
  entry.problem.clear();
  entry.mapped.reset();
  if (const auto* refusal = std::get_if<MapRefusal>(&result)) {
    entry.problem = sentence_about(forward, *refusal);
  } else {
    entry.mapped = std::get<Mapped>(result);
  }
}

}  // namespace nat
