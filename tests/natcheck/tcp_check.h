// The procedure over TCP: KT1 to KT6 of the 2005 paper, the payload check, and beyond it a SYN from the
// second server's other port.
//
// Three local ports: c for the mapping and the third server, c + 1 to hairpin from, c + 2 for the SYN from
// the second server's other port, which c has talked to.
#pragma once

#include "tests/natcheck/client_settings.h"
#include "tests/natcheck/findings.h"
#include "tests/natcheck/greeter.h"
#include "tests/natcheck/question.h"

namespace nat::check {

class TcpCheck {
 public:
  // Takes the local ports, or throws SetupError.
  explicit TcpCheck(const ClientSettings& settings);

  Findings run();

 private:
  Stream& observe();
  void payload(Stream& second_server);
  void filter(Stream& second_server);
  void connect_third();
  void hairpin();
  void hairpin_one_way(const Endpoint& target);
  void hairpin_two_way(const Endpoint& target);

  Question question(TcpPort& port, const Endpoint& server, Stage stage);
  void take_probe(Stream& stream, TcpPort& port, Stage stage, const Endpoint& sender, Unsolicited& into);
  Message message(Kind kind, Stage stage) const;

  const ClientSettings& settings_;
  TcpPort mapping_port_, hairpin_port_, filter_port_;
  Ports ports_;
  Greeter mapping_greeter_, hairpin_greeter_;
  Findings findings_;
};

}  // namespace nat::check
