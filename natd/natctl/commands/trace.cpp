// natctl trace.
#include "config/diagnostic.h"
#include "natd/natctl/command.h"
#include "natd/natctl/fields.h"

namespace nat {
namespace {

// "10.0.0.1:5000"; an echo identifier may be left out.
std::optional<Endpoint> parse_endpoint(const std::string& word, Protocol protocol) {
  if (const auto endpoint = Endpoint::parse(word)) return endpoint;
  const auto address = Address::parse(word);
  if (protocol == Protocol::icmp && address) return Endpoint{*address, 1};
  return std::nullopt;
}

Tone tone_of(const std::string& outcome) {
  if (outcome == "drop" || outcome == "deny") return Tone::bad;
  return outcome == "forward" || outcome == "allow" ? Tone::good : Tone::plain;
}

std::string endpoint_text(const Json& answer, const char* name) {
  const auto found = answer.find(name);
  return found == answer.end() || !found->is_string() ? "a new external endpoint" : found->get<std::string>();
}

void print_answer(const Context& context, const Json& answer) {
  Table table({{"STEP"}, {"OUTCOME"}, {"DETAIL"}});
  for (const Json& step : part(answer, "steps")) {
    const std::string outcome = text(step, "outcome");
    table.add({text(step, "step"), Cell(outcome, tone_of(outcome)), text(step, "detail")});
  }
  context.out << table.render(false, context.style.colours);
  if (text(answer, "outcome") == "forward") {
    context.out << "leaves on the " << text(answer, "out") << " side: " << endpoint_text(answer, "source")
                << " -> " << endpoint_text(answer, "destination") << "\n";
  }
  if (const std::string remedy = text(answer, "remedy"); !remedy.empty()) {
    context.out << "would pass with: " << remedy << "\n";
  }
}

}  // namespace

int trace(const Context& context, const Command& self, const std::vector<std::string>& words) {
  std::vector<std::string> rest = words;
  const bool in = take_flag(rest, "--in");
  const bool out = take_flag(rest, "--out");
  if (in && out) return misused(context, self, "a packet goes --in or --out, not both");
  if (rest.size() != 3) return misused(context, self, "trace takes a protocol and two endpoints");
  Request request;
  request.order = Order::trace;
  const auto protocol = parse_protocol(rest[0]);
  if (!protocol) return misused(context, self, in_quotes(rest[0]) + " is no protocol that natd translates");
  request.question.protocol = *protocol;
  for (const auto& [word, field] :
       {std::pair(rest[1], &request.question.source), std::pair(rest[2], &request.question.destination)}) {
    const auto endpoint = parse_endpoint(word, *protocol);
    if (!endpoint) {
      return misused(context, self, in_quotes(word) + " is no endpoint", "write it like 192.0.2.1:80");
    }
    *field = *endpoint;
  }
  if (in) request.question.in = Realm::external;
  if (out) request.question.in = Realm::internal;
  const auto answer = context.ask(request);
  if (!answer) return context.fail(answer.error());
  if (context.style.json) {
    context.print_json(*answer);
  } else {
    print_answer(context, *answer);
  }
  return text(*answer, "outcome") == "drop" ? kRefused : kDone;
}

}  // namespace nat
