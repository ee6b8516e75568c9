#include "tests/natcheck/stun/client.h"

#include "tests/natcheck/stun/tcp_check.h"
#include "tests/natcheck/stun/udp_check.h"

namespace nat::check::stun {

Report run_client(const ClientOptions& options) {
  Report report{options.settings, {}, {}};
  if (options.udp) report.udp = UdpCheck(report.settings).run();
  if (options.tcp) report.tcp = TcpCheck(report.settings).run();
  return report;
}

}  // namespace nat::check::stun
