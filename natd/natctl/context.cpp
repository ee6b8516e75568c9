#include "natd/natctl/context.h"

#include "natd/natctl/fields.h"

namespace nat {
namespace {

constexpr int kOutputVersion = 1;

std::string written(const Json& value, bool indented) {
  return value.dump(indented ? 2 : -1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

ControlResult<Json> Context::ask(const Request& request, Json& items) const {
  items = Json::array();
  return ask_(request, [&items](const Json& item) {
    items.push_back(item);
    return true;
  });
}

ControlResult<Json> Context::ask(const Request& request) const {
  return ask_(request, [](const Json&) { return true; });
}

void Context::print_json(const Json& members) const {
  Json object{{"version", kOutputVersion}};
  for (const auto& [name, value] : members.items()) {
    if (name != "id" && name != "done") object[name] = value;
  }
  out << written(object, style.terminal);
}

void Context::print_misbehavior(const Json& answer) const {
  std::string line;
  for (const Json& sentence : part(answer, "misbehaving")) {
    if (sentence.is_string()) line += (line.empty() ? "" : "; ") + sentence.get<std::string>();
  }
  if (!line.empty()) out << painted("MISBEHAVING: " + line, Tone::bad, style.colours) << "\n";
}

void Context::chat(const std::string& sentence) const {
  if (style.chatter && !style.json) err << painted(sentence, Tone::faint, style.colours) << "\n";
}

int Context::report(const ControlError& error, int code) const {
  if (style.json) {
    Json members{{"code", error.code}, {"message", error.message}};
    if (!error.hint.empty()) members["hint"] = error.hint;
    out << written({{"error", members}}, style.terminal);
    return code;
  }
  err << "natctl: " << error.message << "\n";
  if (!error.hint.empty()) err << "        " << error.hint << "\n";
  return code;
}

int Context::fail(const ControlError& error) const {
  if (error.code == "unreachable") return report(error, kUnreachable);
  if (error.code == "not-found") return report(error, kNotFound);
  return report(error, kRefused);
}

int Context::misuse(const ControlError& error, const std::string& usage) const {
  report(error, kUsage);
  if (!style.json && !usage.empty()) err << "usage:  natctl " << usage << "\n";
  return kUsage;
}

}  // namespace nat
