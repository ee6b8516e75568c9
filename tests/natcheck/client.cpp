#include "tests/natcheck/client.h"

#include "tests/natcheck/tcp_check.h"
#include "tests/natcheck/udp_check.h"

namespace nat::check {
namespace {

Report run_at(const ClientOptions& options, std::uint16_t port) {
  Report report;
  report.settings = options.settings;
  report.settings.port = port;
  std::optional<UdpCheck> udp;
  std::optional<TcpCheck> tcp;
  if (options.udp) udp.emplace(report.settings);
  if (options.tcp) tcp.emplace(report.settings);
  if (udp) report.udp = udp->run();
  if (tcp) report.tcp = tcp->run();
  return report;
}

}  // namespace

std::uint16_t random_port() {
  constexpr unsigned kFirst = 10'000, kLast = 32'000;
  return static_cast<std::uint16_t>(kFirst + random_number() % (kLast - kFirst));
}

Report run_client(const ClientOptions& options) {
  if (options.settings.port != 0) return run_at(options, options.settings.port);
  constexpr int kTries = 20;
  for (int i = 1; i < kTries; ++i) {
    try {
      return run_at(options, random_port());
    } catch (const SetupError&) {
      // One of the three is taken; an address that is not ours fails again below, where it is reported.
    }
  }
  return run_at(options, random_port());
}

}  // namespace nat::check
