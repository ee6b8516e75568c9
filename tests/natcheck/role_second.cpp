#include <algorithm>

#include "tests/natcheck/link.h"
#include "tests/natcheck/role.h"

namespace nat::check {
namespace {

// Clients ask here. What the other port of this server is to do, it does itself; what an unknown host is to
// do, it forwards to the third server, and brings the answer back.
class SecondRole : public Role {
 public:
  SecondRole(ServerPorts& ports, const ServerSettings& settings, const CookieJar& cookies)
      : ports_(ports),
        cookies_(cookies),
        second_port_(ports.udp[1], ports.tcp[1], [this](const Message& report) { deliver(report); }),
        link_(settings.listen.address, settings.third_server.value()) {}

  void datagram(const Datagram& datagram) override {
    const Message& asked = datagram.message;
    if (asked.kind != Kind::probe || asked.protocol != Protocol::udp) return;
    if (asked.cookie != cookies_.cookie(datagram.from, asked.run)) return;
    arrange(asked, datagram.from);
  }

  void message(Stream& stream, const Message& message) override {
    if (message.kind == Kind::probe && message.protocol == Protocol::tcp) arrange(message, stream.remote());
  }

  void watch(Ports& ports) override { ports.push_back(&link_.port()); }

  void follow(TimePoint now) override {
    second_port_.follow(now);
    for (Message& message : link_.take_heard()) {
      if (message.kind != Kind::go) continue;
      message.kind = Kind::report;
      deliver(message);
    }
    link_.follow(now);
  }

  TimePoint next_deadline() const override {
    return std::min(second_port_.next_deadline(), link_.next_deadline());
  }

 private:
  void arrange(const Message& asked, const Endpoint& client) {
    if (asked.stage == Stage::second_port) {
      second_port_.start({asked.run, asked.stage, asked.protocol, client, milliseconds(asked.wait)},
                         Clock::now());
    } else if (asked.stage == Stage::third_server) {
      Message forward = asked;
      forward.kind = Kind::forward;
      forward.subject = client;
      if (!link_.send(forward)) deliver(unavailable(asked, client));
    }
  }

  // Reports go to the endpoint they are about: that is who asked.
  void deliver(const Message& report) {
    if (report.protocol == Protocol::udp) return ports_.udp[0].send(report, report.subject);
    for (const auto& stream : ports_.tcp[0].streams()) {
      if (stream->remote() == report.subject && stream->open()) return stream->send(report);
    }
  }

  ServerPorts& ports_;
  const CookieJar& cookies_;
  Prober second_port_;
  Link link_;
};

}  // namespace

std::unique_ptr<Role> make_second_role(ServerPorts& ports, const ServerSettings& settings,
                                       const CookieJar& cookies) {
  return std::make_unique<SecondRole>(ports, settings, cookies);
}

}  // namespace nat::check
