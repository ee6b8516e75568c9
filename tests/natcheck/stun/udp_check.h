// The procedure of RFC 5780 over UDP, and what it leaves out: whether a filter harms the mapping it guards,
// whether mappings get lost, and whether ports can be predicted.
//
// Every step has fresh ports, so that none is spoilt by what another has opened (RFC 5780 section 4.5).
#pragma once

#include "tests/natcheck/stun/findings.h"
#include "tests/natcheck/stun/inquirer.h"

namespace nat::check::stun {

class UdpCheck {
 public:
  explicit UdpCheck(const Settings& settings) : settings_(settings), inquirer_(settings) {}

  // Throws SetupError where no local port can be had.
  Findings run();

 private:
  using OwnPorts = std::vector<std::unique_ptr<Port>>;

  OwnPorts fresh_ports(std::size_t count) const;
  void observe(const OwnPorts& ports);
  void filter();
  void hairpin();
  bool meet(Port& port, const Endpoint& target, Port& second);
  void fragments();
  void allocate();
  void compare(const Question& question);
  Endpoint other(bool address, bool port) const;

  const Settings& settings_;
  Inquirer inquirer_;
  Findings findings_;
};

}  // namespace nat::check::stun
