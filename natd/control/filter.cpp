#include "natd/control/filter.h"

#include <algorithm>

#include "config/diagnostic.h"
#include "config/suggestion.h"
#include "config/value.h"

namespace nat {
namespace {

constexpr std::string_view kPlaceForm = "write it like 192.0.2.1, 192.0.2.0/24, 192.0.2.1:80 or :80";

constexpr Origin kOrigins[] = {Origin::dynamic, Origin::configured};
constexpr SessionState kStates[] = {
    SessionState::active,      SessionState::internal_init, SessionState::external_init,
    SessionState::established, SessionState::internal_fin,  SessionState::external_fin,
    SessionState::both_fin,    SessionState::reset,         SessionState::closed};

template <typename Value, typename Values>
std::optional<Value> parse_name(std::string_view text, const Values& values) {
  for (const Value value : values) {
    if (text == to_string(value)) return value;
  }
  return std::nullopt;
}

std::string listed(const std::vector<std::string_view>& words) {
  std::string text;
  for (const std::string_view word : words) text += (text.empty() ? "" : ", ") + std::string(word);
  return text;
}

ControlError wrong_value(std::string_view term, std::string_view value) {
  const auto choices = filter_choices(term);
  std::string hint(kPlaceForm);
  if (!choices.empty()) {
    const std::string_view meant = nearest(value, choices);
    hint = meant.empty() ? "choose from " + listed(choices) : "did you mean " + in_quotes(meant) + "?";
  }
  return {"wrong-value", in_quotes(value) + " is not a value of '" + std::string(term) + "'", hint};
}

ControlError unknown_term(std::string_view term) {
  const std::string_view meant = nearest(term, kFilterTerms);
  return {"unknown-term", "a filter has no term " + in_quotes(term),
          meant.empty() ? "its terms are " + listed({kFilterTerms.begin(), kFilterTerms.end()})
                        : "did you mean " + in_quotes(meant) + "?"};
}

template <typename Value>
std::optional<ControlError> put(std::optional<Value>& field, std::optional<Value> parsed,
                                std::string_view term, std::string_view value) {
  if (field)
    return ControlError{"wrong-value", "'" + std::string(term) + "' is there twice", "keep one of them"};
  if (!parsed) return wrong_value(term, value);
  field = parsed;
  return std::nullopt;
}

// Of the reasons, those for which packets are refused.
std::optional<Reason> parse_drop_reason(std::string_view text) {
  for (std::size_t r = 0; r < kReasonCount; ++r) {
    const auto reason = static_cast<Reason>(r);
    if (action_of(reason) == Action::drop && text == to_string(reason)) return reason;
  }
  return std::nullopt;
}

bool within(const std::optional<Place>& place, Endpoint endpoint) {
  return !place || place->contains(endpoint);
}

}  // namespace

std::optional<Place> Place::parse(std::string_view text) {
  Place place;
  const auto colon = text.find(':');
  if (colon != std::string_view::npos) {
    const auto port = parse_number(text.substr(colon + 1), 65535);
    if (!port) return std::nullopt;
    place.port = static_cast<std::uint16_t>(*port);
    text = text.substr(0, colon);
    if (text.empty()) return place;
  }
  const auto prefix = Prefix::parse(text);
  if (!prefix) return std::nullopt;
  place.prefix = *prefix;
  return place;
}

std::string Place::to_string() const {
  const std::string suffix = port ? ":" + std::to_string(*port) : "";
  if (prefix == Prefix{}) return port ? suffix : "0.0.0.0/0";
  return (prefix.length() == 32 ? prefix.network().to_string() : prefix.to_string()) + suffix;
}

std::vector<std::string_view> filter_choices(std::string_view term) {
  std::vector<std::string_view> choices;
  if (term == "proto") {
    for (const Protocol protocol : kProtocols) choices.push_back(to_string(protocol));
  } else if (term == "origin") {
    for (const Origin origin : kOrigins) choices.push_back(to_string(origin));
  } else if (term == "state") {
    for (const SessionState state : kStates) choices.push_back(to_string(state));
  } else if (term == "reason") {
    for (std::size_t r = 0; r < kReasonCount; ++r) {
      const auto reason = static_cast<Reason>(r);
      if (action_of(reason) == Action::drop) choices.push_back(to_string(reason));
    }
  }
  return choices;
}

std::optional<ControlError> Filter::set(std::string_view term, std::string_view value) {
  if (term == "proto") return put(protocol, parse_protocol(value), term, value);
  if (term == "internal") return put(internal, Place::parse(value), term, value);
  if (term == "external") return put(external, Place::parse(value), term, value);
  if (term == "remote") return put(remote, Place::parse(value), term, value);
  if (term == "origin") return put(origin, parse_name<Origin>(value, kOrigins), term, value);
  if (term == "reason") return put(reason, parse_drop_reason(value), term, value);
  if (term == "state") return put(state, parse_name<SessionState>(value, kStates), term, value);
  return unknown_term(term);
}

ControlResult<Filter> Filter::parse(std::span<const std::string> words) {
  Filter filter;
  for (std::size_t i = 0; i < words.size(); i += 2) {
    const bool known = std::find(kFilterTerms.begin(), kFilterTerms.end(), words[i]) != kFilterTerms.end();
    if (!known) return unknown_term(words[i]);
    if (i + 1 == words.size()) {
      const auto choices = filter_choices(words[i]);
      return ControlError{"wrong-value", "the value is missing after '" + words[i] + "'",
                          choices.empty() ? std::string(kPlaceForm) : "choose from " + listed(choices)};
    }
    if (auto error = filter.set(words[i], words[i + 1])) return *error;
  }
  return filter;
}

std::vector<std::pair<std::string, std::string>> Filter::terms() const {
  std::vector<std::pair<std::string, std::string>> terms;
  if (protocol) terms.emplace_back("proto", nat::to_string(*protocol));
  if (internal) terms.emplace_back("internal", internal->to_string());
  if (external) terms.emplace_back("external", external->to_string());
  if (remote) terms.emplace_back("remote", remote->to_string());
  if (origin) terms.emplace_back("origin", nat::to_string(*origin));
  if (reason) terms.emplace_back("reason", nat::to_string(*reason));
  if (state) terms.emplace_back("state", nat::to_string(*state));
  return terms;
}

bool Filter::matches(const MappingView& mapping) const {
  return !reason && (!protocol || *protocol == mapping.protocol) && within(internal, mapping.internal) &&
         within(external, mapping.external) && (!origin || *origin == mapping.origin);
}

bool Filter::matches(const SessionView& session) const {
  return !reason && !origin && (!protocol || *protocol == session.protocol) &&
         within(internal, session.internal) && within(external, session.external) &&
         within(remote, session.remote) && (!state || *state == session.state);
}

bool Filter::matches(const DropEvent& refusal) const {
  if (origin || state) return false;
  if (protocol && static_cast<std::uint8_t>(*protocol) != refusal.ip_protocol) return false;
  if (reason && *reason != refusal.reason) return false;
  const bool inbound = refusal.in == Realm::external;
  const Endpoint near = inbound ? refusal.destination : refusal.source;
  const Endpoint far = inbound ? refusal.source : refusal.destination;
  if (internal && (inbound || !internal->contains(near))) return false;
  // A hairpinned packet from inside names an external endpoint as its destination.
  if (external && !external->contains(refusal.destination)) return false;
  return within(remote, far);
}

bool Filter::matches_event(const std::variant<MappingView, DropEvent>& about) const {
  if (const DropEvent* refusal = std::get_if<DropEvent>(&about)) return matches(*refusal);
  const MappingView& mapping = std::get<MappingView>(about);
  if (state || !matches(mapping)) return false;
  return !remote || (mapping.remote != Endpoint{} && remote->contains(mapping.remote));
}

}  // namespace nat
