#include "natd/control/protocol.h"

#include <algorithm>
#include <array>

#include "config/diagnostic.h"
#include "config/port_forward.h"
#include "config/suggestion.h"

namespace nat {
namespace {

constexpr std::uint64_t kLargestId = std::uint64_t{1} << 53;
constexpr int kDeepest = 4;
constexpr std::size_t kMostAssignments = 256;

struct Form {
  ControlCommand command;
  const char* name;
  std::vector<std::string_view> members;
};

const std::array<Form, 13>& forms() {
  static const std::array<Form, 13> all = {{
      {ControlCommand::show_mappings, "show-mappings", {"filter"}},
      {ControlCommand::show_sessions, "show-sessions", {"filter"}},
      {ControlCommand::show_stats, "show-stats", {}},
      {ControlCommand::show_config, "show-config", {}},
      {ControlCommand::show_refused, "show-refused", {"filter"}},
      {ControlCommand::set, "set", {"assignments"}},
      {ControlCommand::port_forward_add, "port-forward-add", {"proto", "external", "internal", "name"}},
      {ControlCommand::port_forward_delete, "port-forward-delete", {"which"}},
      {ControlCommand::port_forward_list, "port-forward-list", {}},
      {ControlCommand::flush, "flush", {"filter"}},
      {ControlCommand::watch, "watch", {"filter"}},
      {ControlCommand::trace, "trace", {"proto", "source", "destination", "in", "number"}},
      {ControlCommand::whose, "whose", {"address", "port"}},
  }};
  return all;
}

ControlError malformed(std::string message, std::string hint = "") {
  return {"malformed-request", std::move(message), std::move(hint)};
}

// Null when it is not there or not a string.
const std::string* text_member(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() ? nullptr : found->get_ptr<const std::string*>();
}

std::optional<ControlError> read_filter(const Json& object, Request& request) {
  const auto found = object.find("filter");
  if (found == object.end()) return std::nullopt;
  if (!found->is_object()) return malformed("'filter' is not an object", "write it like {\"proto\":\"udp\"}");
  for (const auto& [term, value] : found->items()) {
    const std::string* text = value.get_ptr<const std::string*>();
    if (text == nullptr) return malformed("the filter's " + in_quotes(term) + " is not a string");
    if (auto error = request.filter.set(term, *text)) return error;
  }
  return std::nullopt;
}

std::optional<ControlError> read_assignments(const Json& object, Request& request) {
  const auto found = object.find("assignments");
  if (found == object.end() || !found->is_array() || found->empty()) {
    return malformed("'assignments' is not a list", "write it like [\"udp.timeout=5min\"]");
  }
  if (found->size() > kMostAssignments) {
    return malformed("more than " + std::to_string(kMostAssignments) + " assignments in one request");
  }
  for (const Json& value : *found) {
    const std::string* text = value.get_ptr<const std::string*>();
    if (text == nullptr) return malformed("an assignment is not a string");
    request.assignments.push_back(*text);
  }
  return std::nullopt;
}

std::optional<ControlError> read_forward(const Json& object, Request& request) {
  std::array<std::string, 4> words;
  constexpr const char* kNames[] = {"proto", "external", "internal", "name"};
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string* text = text_member(object, kNames[i]);
    const bool optional = i == 3 && !object.contains("name");
    if (text == nullptr && !optional) return malformed("'" + std::string(kNames[i]) + "' is not a string");
    if (text != nullptr) words[i] = *text;
  }
  const auto forward = make_port_forward(words[0], words[1], words[2], words[3]);
  if (!forward) {
    const Diagnostic& problem = forward.problems().front();
    return ControlError{"wrong-value", problem.message, problem.hint};
  }
  request.forward = *forward;
  return std::nullopt;
}

std::optional<ControlError> read_which(const Json& object, Request& request) {
  const std::string* text = text_member(object, "which");
  if (text == nullptr || text->empty()) {
    return malformed("'which' is not a string", "give a name, an id, or protocol and port");
  }
  request.which = *text;
  return std::nullopt;
}

std::optional<ControlError> read_number(const Json& object, Request& request) {
  for (const char* name : {"proto", "source", "destination", "in"}) {
    if (object.contains(name)) {
      return malformed("'number' and '" + std::string(name) + "' exclude each other",
                       "a number stands for the whole packet");
    }
  }
  const Json& number = object.at("number");
  if (!number.is_number_unsigned()) return malformed("'number' is no number of a refused packet");
  request.trace.number = number.get<std::uint64_t>();
  return std::nullopt;
}

std::optional<ControlError> read_question(const Json& object, Request& request) {
  if (object.contains("number")) return read_number(object, request);
  const std::string* protocol = text_member(object, "proto");
  const auto known = protocol == nullptr ? std::nullopt : parse_protocol(*protocol);
  if (!known) return ControlError{"wrong-value", "'proto' is none that natd translates", "udp, tcp or icmp"};
  request.trace.protocol = *known;
  for (const auto& [name, field] :
       {std::pair("source", &request.trace.source), std::pair("destination", &request.trace.destination)}) {
    const std::string* text = text_member(object, name);
    const auto endpoint = text == nullptr ? std::nullopt : Endpoint::parse(*text);
    if (!endpoint) {
      return ControlError{"wrong-value", "'" + std::string(name) + "' is not an endpoint",
                          "write it like 192.0.2.1:80; for icmp the number is the echo identifier"};
    }
    *field = *endpoint;
  }
  if (!object.contains("in")) return std::nullopt;
  const std::string* in = text_member(object, "in");
  for (const Realm realm : {Realm::internal, Realm::external}) {
    if (in != nullptr && *in == to_string(realm)) request.trace.in = realm;
  }
  if (!request.trace.in) return ControlError{"wrong-value", "'in' is no side", "internal or external"};
  return std::nullopt;
}

std::optional<ControlError> read_whose(const Json& object, Request& request) {
  const std::string* text = text_member(object, "address");
  const auto address = text == nullptr ? std::nullopt : Address::parse(*text);
  if (!address) return ControlError{"wrong-value", "'address' is not an address", "write it like 192.0.2.1"};
  request.whose = {*address, 0};
  const auto port = object.find("port");
  if (port == object.end()) return std::nullopt;
  if (!port->is_number_unsigned() || *port == 0 || *port > 65535) {
    return ControlError{"wrong-value", "'port' is not a port", "a number from 1 to 65535"};
  }
  request.whose.port = port->get<std::uint16_t>();
  return std::nullopt;
}

std::optional<ControlError> read_members(const Json& object, Request& request) {
  switch (request.command) {
    case ControlCommand::show_mappings:
    case ControlCommand::show_sessions:
    case ControlCommand::show_refused:
    case ControlCommand::flush:
    case ControlCommand::watch:
      return read_filter(object, request);
    case ControlCommand::set:
      return read_assignments(object, request);
    case ControlCommand::port_forward_add:
      return read_forward(object, request);
    case ControlCommand::port_forward_delete:
      return read_which(object, request);
    case ControlCommand::trace:
      return read_question(object, request);
    case ControlCommand::whose:
      return read_whose(object, request);
    case ControlCommand::show_stats:
    case ControlCommand::show_config:
    case ControlCommand::port_forward_list:
      break;
  }
  return std::nullopt;
}

const Form* find_form(std::string_view name) {
  const auto found =
      std::find_if(forms().begin(), forms().end(), [&](const Form& form) { return form.name == name; });
  return found == forms().end() ? nullptr : &*found;
}

ControlError unknown_command(std::string_view name) {
  std::vector<std::string_view> names;
  for (const Form& form : forms()) names.emplace_back(form.name);
  const std::string_view meant = nearest(name, names);
  return {"unknown-command", in_quotes(name) + " is no command of the control protocol",
          meant.empty() ? "" : "did you mean " + in_quotes(meant) + "?"};
}

// An object nested no deeper than requests are; anything else is discarded.
Json parse_object(std::string_view line) {
  bool too_deep = false;
  const auto shallow = [&too_deep](int depth, Json::parse_event_t, Json&) {
    too_deep = too_deep || depth > kDeepest;
    return !too_deep;
  };
  Json object = Json::parse(line.begin(), line.end(), shallow, false);
  if (too_deep || !object.is_object()) return Json(Json::value_t::discarded);
  return object;
}

}  // namespace

const char* to_string(ControlCommand command) {
  for (const Form& form : forms()) {
    if (form.command == command) return form.name;
  }
  return "unknown";
}

std::variant<Request, Rejection> parse_request(std::string_view line) {
  const Json object = parse_object(line);
  if (object.is_discarded()) {
    return Rejection{std::nullopt, malformed("a request is one JSON object on one line",
                                             R"(write it like {"id":1,"command":"show-stats"})")};
  }
  Request request;
  const auto id = object.find("id");
  if (id == object.end() || !id->is_number_unsigned() || id->get<std::uint64_t>() > kLargestId) {
    return Rejection{std::nullopt, malformed("'id' is not a number from 0 to 2^53")};
  }
  request.id = id->get<std::uint64_t>();
  const auto rejected = [&](ControlError error) { return Rejection{request.id, std::move(error)}; };

  const std::string* command = text_member(object, "command");
  if (command == nullptr) return rejected(malformed("'command' is not a string"));
  const Form* form = find_form(*command);
  if (form == nullptr) return rejected(unknown_command(*command));
  request.command = form->command;
  for (const auto& [name, value] : object.items()) {
    if (name == "id" || name == "command") continue;
    if (std::find(form->members.begin(), form->members.end(), name) != form->members.end()) continue;
    return rejected(malformed(in_quotes(name) + " is no member of a '" + form->name + "' request"));
  }
  if (auto error = read_members(object, request)) return rejected(std::move(*error));
  return request;
}

std::string format_request(const Request& request) {
  Json object{{"id", request.id}, {"command", to_string(request.command)}};
  Json filter = Json::object();
  for (const auto& [term, value] : request.filter.terms()) filter[term] = value;
  if (!filter.empty()) object["filter"] = filter;
  if (request.command == ControlCommand::set) object["assignments"] = request.assignments;
  if (request.command == ControlCommand::port_forward_add) {
    const PortForward& forward = request.forward;
    object["proto"] = to_string(forward.protocol);
    object["external"] = forward.external.address.unspecified() ? std::to_string(forward.external.port)
                                                                : forward.external.to_string();
    object["internal"] = forward.internal.to_string();
    if (!forward.name.empty()) object["name"] = forward.name;
  }
  if (request.command == ControlCommand::port_forward_delete) object["which"] = request.which;
  if (request.command == ControlCommand::whose) {
    object["address"] = request.whose.address.to_string();
    if (request.whose.port != 0) object["port"] = request.whose.port;
  }
  if (request.command == ControlCommand::trace && request.trace.number) {
    object["number"] = *request.trace.number;
  } else if (request.command == ControlCommand::trace) {
    object["proto"] = to_string(request.trace.protocol);
    object["source"] = request.trace.source.to_string();
    object["destination"] = request.trace.destination.to_string();
    if (request.trace.in) object["in"] = to_string(*request.trace.in);
  }
  return to_line(object);
}

std::string hello_line(const std::string& version) {
  return to_line({{"natd", version}, {"protocol", kControlProtocol}});
}

std::string error_line(std::optional<std::uint64_t> id, const ControlError& error) {
  Json message = Json::object();
  if (id) message["id"] = *id;
  message["error"] = {{"code", error.code}, {"message", error.message}};
  if (!error.hint.empty()) message["error"]["hint"] = error.hint;
  return to_line(message);
}

std::optional<std::string> LineBuffer::take_line() {
  const auto end = held_.find('\n');
  if (end == std::string::npos) return std::nullopt;
  std::string line = held_.substr(0, end);
  held_.erase(0, end + 1);
  if (line.ends_with('\r')) line.pop_back();
  return line;
}

}  // namespace nat
