// natctl whose.
#include "config/diagnostic.h"
#include "config/value.h"
#include "natd/natctl/command.h"
#include "natd/natctl/fields.h"

namespace nat {
namespace {

std::string block_text(const Json& block) {
  return text(block, "external") + " " + std::to_string(number(block, "first")) + "-" +
         std::to_string(number(block, "last"));
}

void print_blocks(const Context& context, const Json& answer) {
  const Json& blocks = part(answer, "blocks");
  if (blocks.empty()) {
    context.out << text(answer, "host") << " has no block of ports\n";
    return;
  }
  Table table({{"BLOCK"}, {"KIND"}});
  for (const Json& block : blocks) {
    table.add({block_text(block), flag(block, "extra") ? "extra" : "own"});
  }
  context.out << table.render(context.style.header, context.style.colours);
}

void print_holders(const Context& context, const Json& answer) {
  const Json& block = part(answer, "block");
  if (block.is_object()) {
    const std::string host = text(block, "host");
    context.out << "block " << block_text(block) << " of " << (host.empty() ? "nobody" : host) << "\n";
  }
  const Json& holders = part(answer, "holders");
  if (holders.empty()) {
    context.out << "no mapping has this port\n";
    return;
  }
  Table table({{"PROTO"}, {"INTERNAL"}, {"STATE"}});
  for (const Json& holder : holders) {
    table.add({text(holder, "proto"), text(holder, "internal"), text(holder, "state")});
  }
  context.out << table.render(context.style.header, context.style.colours);
}

}  // namespace

int whose(const Context& context, const Command& self, const std::vector<std::string>& words) {
  if (words.empty() || words.size() > 2)
    return misused(context, self, "whose takes an address, and a port or none");
  Request request;
  request.command = ControlCommand::whose;
  const auto address = Address::parse(words[0]);
  if (!address)
    return misused(context, self, in_quotes(words[0]) + " is no address", "write it like 203.0.113.5");
  request.whose.address = *address;
  if (words.size() == 2) {
    const auto port = parse_number(words[1], 65535);
    if (!port || *port == 0) {
      return misused(context, self, in_quotes(words[1]) + " is no port", "a number from 1 to 65535");
    }
    request.whose.port = static_cast<std::uint16_t>(*port);
  }
  const auto answer = context.ask(request);
  if (!answer) return context.fail(answer.error());
  if (context.style.json) {
    context.print_json(*answer);
  } else if (words.size() == 1) {
    print_blocks(context, *answer);
  } else {
    print_holders(context, *answer);
  }
  return kDone;
}

}  // namespace nat
