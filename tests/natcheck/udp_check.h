// The procedure over UDP: K1 to K4b and KA of the 2005 paper, and beyond it the second server's other port,
// which distinguishes address-dependent from address-and-port-dependent.
//
// Three local ports, so that no step is spoilt by what another has opened (RFC 5780 section 4.5): c for the
// mapping, c + 1 to hairpin from, c + 2 for the filter, which talks to the second server's main port and
// no other.
#pragma once

#include "tests/natcheck/client_settings.h"
#include "tests/natcheck/findings.h"
#include "tests/natcheck/udp_port.h"

namespace nat::check {

class UdpCheck {
 public:
  // Takes the local ports, or throws SetupError.
  explicit UdpCheck(const ClientSettings& settings);

  Findings run();

 private:
  void observe();
  void filter();
  void hairpin();
  std::optional<Endpoint> ask_again(UdpPort& port, const Endpoint& server, Stage stage);
  void hairpin_one_way(const Endpoint& target);
  void hairpin_two_way(const Endpoint& target);
  void payload();

  Message message(Kind kind, Stage stage) const;
  void ping(UdpPort& port, const Endpoint& server, Stage stage);
  const Datagram* find(const UdpPort& port, Kind kind, Stage stage) const;
  std::optional<Endpoint> observed(const UdpPort& port, Stage stage) const;
  bool contact_reported(Stage stage) const;
  void take_report(Stage stage, const Endpoint& sender, Unsolicited& into) const;

  const ClientSettings& settings_;
  UdpPort mapping_port_, hairpin_port_, filter_port_;
  Ports ports_;
  Findings findings_;
};

}  // namespace nat::check
