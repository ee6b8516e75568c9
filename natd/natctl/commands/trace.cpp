// natctl trace.
#include <charconv>

#include "config/diagnostic.h"
#include "natd/natctl/command.h"
#include "natd/natctl/fields.h"
#include "natd/natctl/format.h"

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

void print_steps(const Context& context, const Json& account, const std::string& remedy_means) {
  Table table({{"STEP"}, {"OUTCOME"}, {"DETAIL"}});
  for (const Json& step : part(account, "steps")) {
    const std::string outcome = text(step, "outcome");
    table.add({text(step, "step"), Cell(outcome, tone_of(outcome)), text(step, "detail")});
  }
  context.out << table.render(false, context.style.colours);
  if (text(account, "outcome") == "forward") {
    context.out << "leaves on the " << text(account, "out") << " side: " << endpoint_text(account, "source")
                << " -> " << endpoint_text(account, "destination") << "\n";
  }
  constexpr std::string_view kNone = "none: ";
  const std::string remedy = text(account, "remedy");
  if (remedy.starts_with(kNone)) {
    context.out << "nothing would let it pass: " << remedy.substr(kNone.size()) << "\n";
  } else if (!remedy.empty()) {
    context.out << remedy_means << ": " << remedy << "\n";
  }
}

std::string age(const Json& refused) {
  return format_age(static_cast<std::uint64_t>(decimal(refused, "age")));
}

void print_answer(const Context& context, const Json& answer) {
  const Json& refused = part(answer, "refused");
  if (!refused.empty()) {
    context.out << "refused " << counted(number(refused, "packets"), "time") << ", the last " << age(refused)
                << " ago: " << text(refused, "proto") << " " << text(refused, "source") << " > "
                << text(refused, "destination") << "\n";
    print_steps(context, refused, "would have passed with");
    context.out << "\n"
                << (answer.contains("outcome") ? "now:" : "too large to be asked about again") << "\n";
  }
  print_steps(context, answer, "would pass with");
  if (text(answer, "outcome") == "drop" && answer.contains("counter")) {
    context.out << "counted so far as " << text(answer, "reason") << ": "
                << counted(number(answer, "counter"), "packet") << "\n";
  }
}

int answer(const Context& context, const Request& request) {
  const auto told = context.ask(request);
  if (!told) return context.fail(told.error());
  if (context.style.json) {
    context.print_json(*told);
  } else {
    print_answer(context, *told);
  }
  return text(*told, "outcome") == "drop" ? kRefused : kDone;
}

int list_refused(const Context& context, const Command& self, const std::vector<std::string>& words) {
  const auto filter = Filter::parse(words);
  if (!filter) return context.misuse(filter.error(), usage_of(self));
  Request request;
  request.command = ControlCommand::show_refused;
  request.filter = *filter;
  Json items;
  const auto end = context.ask(request, items);
  if (!end) return context.fail(end.error());
  if (context.style.json) {
    context.print_json(
        {{"refused", items}, {"total", number(*end, "total")}, {"unlisted", number(*end, "unlisted")}});
    return kDone;
  }
  Table table({{"NUMBER", Align::right},
               {"AGO", Align::right},
               {"PACKETS", Align::right},
               {"PROTO"},
               {"SOURCE"},
               {"DESTINATION"}});
  for (const Json& item : items) {
    table.add({digits(item, "number"), age(item), digits(item, "packets"), text(item, "proto"),
               text(item, "source"), text(item, "destination")},
              Cell(text(item, "reason") + (text(item, "in") == "internal" ? ", from inside" : "")));
  }
  if (!table.empty()) context.print(table);
  context.chat(table.empty() ? "no packet was refused in the last minute"
                             : "natctl trace NUMBER says why, and what would let it pass");
  if (const std::uint64_t unlisted = number(*end, "unlisted"); unlisted > 0) {
    context.chat("too many at once: " + counted(unlisted, "refused packet") + " not listed");
  }
  return kDone;
}

std::optional<std::uint64_t> parse_number(const std::string& word) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return number;
}

}  // namespace

int trace(const Context& context, const Command& self, const std::vector<std::string>& words) {
  std::vector<std::string> rest = words;
  if (take_flag(rest, "--refused") || rest.empty()) return list_refused(context, self, rest);
  const bool in = take_flag(rest, "--in");
  const bool out = take_flag(rest, "--out");
  if (in && out) return misused(context, self, "a packet goes --in or --out, not both");
  Request request;
  request.command = ControlCommand::trace;
  if (rest.size() == 1 && !in && !out) {
    request.trace.number = parse_number(rest[0]);
    if (request.trace.number) return answer(context, request);
  }
  if (rest.size() != 3) {
    return misused(context, self, "trace takes a protocol and two endpoints, or a number of its list");
  }
  const auto protocol = parse_protocol(rest[0]);
  if (!protocol) return misused(context, self, in_quotes(rest[0]) + " is no protocol that natd translates");
  request.trace.protocol = *protocol;
  for (const auto& [word, field] :
       {std::pair(rest[1], &request.trace.source), std::pair(rest[2], &request.trace.destination)}) {
    const auto endpoint = parse_endpoint(word, *protocol);
    if (!endpoint) {
      return misused(context, self, in_quotes(word) + " is no endpoint", "write it like 192.0.2.1:80");
    }
    *field = *endpoint;
  }
  if (in) request.trace.in = Realm::external;
  if (out) request.trace.in = Realm::internal;
  return answer(context, request);
}

}  // namespace nat
