#include "natd/datapath/exempt_rules.h"

namespace nat {
namespace {

void add_chain(std::string& text, const std::string& chain, const std::string& side,
               const std::vector<Exemption>& exempt) {
  text += "flush chain ip " + chain + "\n";
  for (const Exemption& one : exempt) {
    const std::string begin = "add rule ip " + chain + " ip " + side + "addr " + one.remote.to_string();
    if (one.every_port()) {
      text += begin + " accept\n";
      continue;
    }
    const std::string ports = std::to_string(one.ports.first) + "-" + std::to_string(one.ports.last);
    for (const char* protocol : {"tcp", "udp"}) {
      text += begin + " " + protocol + " " + side + "port " + ports + " accept\n";
    }
    text += begin + " ip frag-off & 0x1fff != 0 accept\n";
    text += begin + " icmp type { destination-unreachable, time-exceeded, parameter-problem } accept\n";
  }
}

}  // namespace

std::string exempt_rules(const std::string& table, const std::vector<Exemption>& exempt) {
  std::string text;
  add_chain(text, table + " from_exempt", "s", exempt);
  add_chain(text, table + " to_exempt", "d", exempt);
  return text;
}

}  // namespace nat
