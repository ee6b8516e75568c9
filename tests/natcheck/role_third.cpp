#include "tests/natcheck/role.h"

namespace nat::check {
namespace {

// The unknown host: contacts whom the second server names, and obeys no other.
class ThirdRole : public Role {
 public:
  ThirdRole(ServerPorts& ports, const ServerSettings& settings)
      : ports_(ports),
        second_server_(settings.second_server.value()),
        prober_(ports.udp[0], ports.tcp[0], [this](const Message& report) { answer(report); }) {}

  void datagram(const Datagram&) override {}

  void message(Stream& stream, const Message& message) override {
    if (message.kind != Kind::forward || !keeps(stream)) return;
    prober_.start({message.run, message.stage, message.protocol, message.subject, milliseconds(message.wait)},
                  Clock::now());
  }

  Outcome connection_outcome(const Stream& stream) const override {
    return prober_.connection_outcome(stream);
  }

  bool keeps(const Stream& stream) const override {
    return !stream.dialled() && stream.remote().address == second_server_;
  }

  void follow(TimePoint now) override { prober_.follow(now); }
  TimePoint next_deadline() const override { return prober_.next_deadline(); }

 private:
  void answer(Message report) {
    report.kind = Kind::go;
    for (const auto& stream : ports_.tcp[0].streams()) {
      if (keeps(*stream) && stream->open()) stream->send(report);
    }
  }

  ServerPorts& ports_;
  Address second_server_;
  Prober prober_;
};

}  // namespace

std::unique_ptr<Role> make_third_role(ServerPorts& ports, const ServerSettings& settings) {
  return std::make_unique<ThirdRole>(ports, settings);
}

}  // namespace nat::check
