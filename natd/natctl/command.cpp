#include "natd/natctl/command.h"

#include <algorithm>

namespace nat {
namespace {

constexpr const char* kFilter = "[FILTER...]";

constexpr const char* kFilterHelp =
    "FILTER is any of these, and all must hold:\n"
    "  proto udp|tcp|icmp\n"
    "  internal|external|remote ADDR[/LEN][:PORT]   also :PORT alone\n"
    "  origin dynamic|configured\n"
    "  state STATE        of a session: active, established, internal-init, ...\n"
    "  reason REASON      of a refused packet, for watch: filtered-by-address, ...\n";

constexpr const char* kSetHelp =
    "Acts at once, until natd is reloaded or restarted. Open sessions stay open and mappings keep their\n"
    "external endpoints; new filtering applies to the next packet from outside, new mapping behaviour to "
    "the\n"
    "next new session.\n";

constexpr Command kCommands[] = {
    {"show mappings", kFilter, "What the external ports stand for, and who may send to them.", kFilterHelp,
     show_mappings},
    {"show sessions", kFilter, "Who talks to whom through the mappings.", kFilterHelp, show_sessions},
    {"show stats", "[--all] [--explain]", "Packets by outcome and reason, and how full the tables are.",
     "  --all      reasons that never occurred, too\n"
     "  --explain  what each reason means\n",
     show_stats},
    {"show config", "[KEY...]", "The settings in force; KEY is a key or the beginning of keys.", "",
     show_config},
    {"mode", "[full-cone|restricted-cone|port-restricted-cone|symmetric]",
     "Takes on a kind of NAT for udp, tcp and icmp; alone it shows the present one.", kSetHelp, change_mode},
    {"set", "KEY=VALUE...", "Changes settings, such as udp.filtering=endpoint-independent.", kSetHelp,
     change_settings},
    {"port-forward add", "tcp|udp [ADDR:]PORT HOST[:PORT] [--name NAME]",
     "Lets anybody reach a port of an internal host.",
     "Lasts until natd is reloaded or restarted; for good, write it as a rule in [forward] of natd.conf.\n",
     port_forward_add},
    {"port-forward del", "NAME|ID|'tcp|udp [ADDR:]PORT'", "Ends a port forward and its sessions.", "",
     port_forward_del},
    {"port-forward list", "", "All port forwards, those of the file included.", "", port_forward_list},
    {"flush", kFilter, "Removes dynamic mappings and their sessions; all of them without a filter.",
     kFilterHelp, flush},
    {"watch", kFilter, "Shows mappings made and removed, and refused packets, as it happens.", kFilterHelp,
     watch},
    {"trace", "[NUMBER | udp|tcp|icmp SOURCE:PORT DESTINATION:PORT [--in|--out] | --refused [FILTER...]]",
     "Why packets were refused, or would be, step by step, and what would let them pass.",
     "Alone, and with --refused, it lists what natd refused in the last minute; NUMBER is one of that list,\n"
     "explained as it was then and as it would be now. A packet given by its endpoints need not exist: it\n"
     "comes from outside (--in) when its destination is an external address of natd, else from inside\n"
     "(--out). For icmp, PORT is the echo identifier and may be left out. Exits with 1 when the packet "
     "would\n"
     "be dropped now.\n",
     trace},
    {"whose", "ADDRESS [PORT]", "Which internal host an external port belongs to, or which ports a host has.",
     "With PORT, ADDRESS is an external address: shows the block of ports (see [blocks] in natd.conf) and "
     "who has\n"
     "the port now, or had it until its quarantine. Alone, ADDRESS is a host: shows its blocks.\n",
     whose},
};

}  // namespace

std::span<const Command> commands() { return kCommands; }

std::string usage_of(const Command& command) {
  return std::string(command.name) + (command.usage[0] == '\0' ? "" : std::string(" ") + command.usage);
}

int misused(const Context& context, const Command& command, const std::string& message,
            const std::string& hint) {
  return context.misuse({"usage", message, hint}, usage_of(command));
}

bool take_flag(std::vector<std::string>& words, const std::string& flag) {
  const auto found = std::find(words.begin(), words.end(), flag);
  if (found == words.end()) return false;
  words.erase(found);
  return true;
}

}  // namespace nat
