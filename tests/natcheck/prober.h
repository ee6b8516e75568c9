// Contacts an endpoint that did not ask for it, once, from this server's own port, and reports what comes
// back: how a filter shows itself to the outside. Bounded in number and rate; whom to contact is for the
// caller to justify.
#pragma once

#include <deque>
#include <functional>

#include "tests/natcheck/allowance.h"
#include "tests/natcheck/tcp_port.h"
#include "tests/natcheck/udp_port.h"

namespace nat::check {

struct ProbeRequest {
  std::uint64_t run = 0;
  Stage stage = Stage::none;
  Protocol protocol = Protocol::udp;
  Endpoint target;
  milliseconds wait{};  // how long TCP may stay without an answer before `pending` is reported
};

class Prober {
 public:
  // Contacts leave from these ports. A report is a message with kind, run, stage, protocol, outcome, the time
  // since a SYN as `wait` and, as subject, the target; UDP reports `sent` and, if there is one, an ICMP error
  // later.
  using Reporter = std::function<void(const Message& report)>;
  Prober(UdpPort& udp, TcpPort& tcp, Reporter reporter)
      : udp_(udp), tcp_(tcp), reporter_(std::move(reporter)) {}

  void start(const ProbeRequest& request, TimePoint now);

  // Follows what is under way; call it after every stir of the ports, before the TCP port is swept.
  void follow(TimePoint now);
  // When follow() has something to do though nothing stirs.
  TimePoint next_deadline() const;

  // What became of our SYN to an endpoint that now talks to us over `stream`.
  Outcome connection_outcome(const Stream& stream) const;

  static constexpr milliseconds kGiveUp{20'000};  // a SYN is repeated for so long
  static constexpr milliseconds kLongestWait{10'000};

 private:
  struct Dial {
    ProbeRequest request;
    Stream* stream;
    TimePoint begun;
    TimePoint report_at;
    TimePoint give_up_at;
    bool reported = false;
  };
  struct Failure {
    Endpoint target;
    Outcome outcome;
  };

  void start_udp(const ProbeRequest& request);
  void start_tcp(const ProbeRequest& request, TimePoint now);
  bool settle(Dial& dial, TimePoint now);
  void report(const ProbeRequest& request, Outcome outcome, const IcmpError& error = {},
              milliseconds after = {});

  UdpPort& udp_;
  TcpPort& tcp_;
  Reporter reporter_;
  Allowance allowance_{kBurst, kPerSecond};
  std::deque<ProbeRequest> sent_;  // datagrams that an ICMP error may still come back for
  std::vector<Dial> dials_;
  std::deque<Failure> failures_;  // how the latest dials ended that did not connect

  static constexpr double kBurst = 64, kPerSecond = 32;
  static constexpr std::size_t kDials = 64, kRemembered = 128;
};

}  // namespace nat::check
