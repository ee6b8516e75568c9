// natctl watch.
#include "natd/natctl/command.h"
#include "natd/natctl/fields.h"
#include "natd/natctl/format.h"

namespace nat {
namespace {

std::string mapping_text(const Json& event) {
  const std::string origin = origin_of(event);
  const std::string remote = text(event, "remote");
  return "mapping " + digits(event, "id") + " " + text(event, "proto") + " " + text(event, "internal") +
         " = " + text(event, "external") + (remote.empty() ? "" : " for " + remote) +
         (origin.empty() ? "" : " " + origin);
}

// A flood is summed up by the second; what came before it was one is not worth a word.
std::string interval_text(const Json& event) {
  const double interval = decimal(event, "interval");
  return interval < 1 ? "" : " in " + std::to_string(static_cast<int>(interval)) + "s";
}

struct Line {
  const char* sign;
  std::string rest;
  Tone tone;
};

Line describe(const Json& event) {
  const std::string kind = text(event, "event");
  if (kind == "mapping-created") return {"+", mapping_text(event), Tone::good};
  if (kind == "mapping-removed") return {"-", mapping_text(event) + ", " + text(event, "cause"), Tone::faint};
  if (kind == "refused") {
    const std::uint64_t packets = number(event, "packets");
    return {"!",
            "drop " + text(event, "reason") + " " + text(event, "proto") + " " + text(event, "source") +
                " > " + text(event, "destination") +
                (packets > 1 ? " (x" + std::to_string(packets) + interval_text(event) + ")" : ""),
            Tone::bad};
  }
  if (kind == "lost") {
    return {"?", "lost " + counted(number(event, "count"), "event") + ": too many at once", Tone::bad};
  }
  return {"?", kind, Tone::plain};
}

}  // namespace

int watch(const Context& context, const Command& self, const std::vector<std::string>& words) {
  const auto filter = Filter::parse(words);
  if (!filter) return context.misuse(filter.error(), usage_of(self));
  Request request;
  request.command = ControlCommand::watch;
  request.filter = *filter;
  context.chat("watching; Ctrl-C ends it");
  const auto end = context.ask(request, [&](const Json& event) {
    if (context.style.json) {
      context.out << event.dump(-1, ' ', false, Json::error_handler_t::replace) << "\n";
    } else {
      const Line line = describe(event);
      context.out << format_clock(decimal(event, "time")) << " "
                  << painted(line.sign + (" " + line.rest), line.tone, context.style.colours) << "\n";
    }
    context.out.flush();
    return context.out.good();
  });
  return end ? kDone : context.fail(end.error());
}

}  // namespace nat
