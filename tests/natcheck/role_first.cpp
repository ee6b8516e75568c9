#include "tests/natcheck/role.h"

namespace nat::check {
namespace {

// The first server has no duties of its own; a probe that comes here was meant for the second.
class FirstRole : public Role {
 public:
  explicit FirstRole(ServerPorts& ports) : ports_(ports) {}

  void datagram(const Datagram& datagram) override {
    if (datagram.message.kind != Kind::probe) return;
    ports_.udp[0].send(unavailable(datagram.message, datagram.from), datagram.from);
  }
  void message(Stream& stream, const Message& message) override {
    if (message.kind == Kind::probe) stream.send(unavailable(message, stream.remote()));
  }

 private:
  ServerPorts& ports_;
};

}  // namespace

ServerPorts::ServerPorts(const Endpoint& listen)
    : udp{UdpPort(listen), UdpPort({listen.address, static_cast<std::uint16_t>(listen.port + 1)})},
      tcp{{listen, kStreams}, {{listen.address, static_cast<std::uint16_t>(listen.port + 1)}, kStreams}} {}

Message unavailable(const Message& request, const Endpoint& client) {
  Message answer;
  answer.kind = Kind::report;
  answer.run = request.run;
  answer.stage = request.stage;
  answer.protocol = request.protocol;
  answer.outcome = Outcome::unavailable;
  answer.subject = client;
  return answer;
}

std::unique_ptr<Role> make_first_role(ServerPorts& ports) { return std::make_unique<FirstRole>(ports); }

}  // namespace nat::check
