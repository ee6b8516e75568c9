// natctl flush.
#include "natd/natctl/command.h"
#include "natd/natctl/fields.h"
#include "natd/natctl/format.h"

namespace nat {

int flush(const Context& context, const Command& self, const std::vector<std::string>& words) {
  const auto filter = Filter::parse(words);
  if (!filter) return context.misuse(filter.error(), usage_of(self));
  Request request;
  request.command = ControlCommand::flush;
  request.filter = *filter;
  const auto done = context.ask(request);
  if (!done) return context.fail(done.error());
  if (context.style.json) {
    context.print_json(*done);
    return kDone;
  }
  const Json& removed = part(*done, "removed");
  context.out << "removed " << counted(number(removed, "mappings"), "mapping") << " and "
              << counted(number(removed, "sessions"), "session") << "\n";
  return kDone;
}

}  // namespace nat
