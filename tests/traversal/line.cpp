#include "tests/traversal/line.h"

#include <algorithm>
#include <map>

#include "tests/natcheck/tcp_port.h"

namespace nat::traversal {
namespace {

class UdpLine : public Line {
 public:
  UdpLine(const Endpoint& local, const Endpoint& server) : udp_(local), server_(server) {}

  check::Port& port() override { return udp_; }
  const Endpoint& local() const override { return udp_.local(); }
  void reach(const Endpoint&, TimePoint) override {}
  void stop_reaching(const Endpoint&) override {}
  void send(const Message& message, const Endpoint& to) override { udp_.send(message, to); }
  void cut(const Endpoint&) override {}
  std::vector<Heard> take_heard() override { return udp_.take_heard(); }
  std::vector<Endpoint> take_opened() override { return {}; }

  const Rebuffs& rebuffs() override {
    for (const check::IcmpError& error : udp_.take_errors()) rebuffs_.icmp_errors += error.remote != server_;
    return rebuffs_;
  }

 private:
  DatagramLine udp_;
  Endpoint server_;
  Rebuffs rebuffs_;
};

class TcpLine : public Line {
 public:
  TcpLine(const Endpoint& local, const Endpoint& server) : tcp_(local, kStreams), server_(server) {}

  check::Port& port() override { return tcp_; }
  const Endpoint& local() const override { return tcp_.local(); }

  void reach(const Endpoint& remote, TimePoint now) override {
    settle(now);
    const bool present = std::any_of(tcp_.streams().begin(), tcp_.streams().end(),
                                     [&](const auto& stream) { return stream->remote() == remote; });
    const auto refused = not_before_.find(remote);
    if (present || tcp_.full() || (refused != not_before_.end() && now < refused->second)) return;
    tcp_.dial(remote);
    dialling_.push_back(remote);
  }

  void stop_reaching(const Endpoint& kept) override {
    for (const auto& stream : tcp_.streams()) {
      if (stream->connecting() && stream->remote() != kept) stream->abort();
    }
    settle(Clock::now());
  }

  void send(const Message& message, const Endpoint& to) override {
    for (const auto& stream : tcp_.streams()) {
      if (stream->remote() == to) stream->send(message);
    }
  }

  void cut(const Endpoint& remote) override {
    for (const auto& stream : tcp_.streams()) {
      if (stream->remote() == remote) stream->abort();
    }
  }

  std::vector<Heard> take_heard() override {
    std::vector<Heard> all;
    for (const auto& stream : tcp_.streams()) {
      for (Message& message : stream->take_heard<Message>())
        all.push_back({stream->remote(), std::move(message)});
    }
    return all;
  }

  std::vector<Endpoint> take_opened() override {
    settle(Clock::now());
    std::vector<Endpoint> opened;
    for (const auto& stream : tcp_.streams()) {
      const auto dialled = std::find(dialling_.begin(), dialling_.end(), stream->remote());
      if (stream->open() && stream->dialled() && dialled != dialling_.end()) {
        opened.push_back(stream->remote());
        dialling_.erase(dialled);
      }
    }
    return opened;
  }

  const Rebuffs& rebuffs() override { return rebuffs_; }

 private:
  // Notes how streams have ended, and forgets the streams.
  void settle(TimePoint now) {
    for (const auto& stream : tcp_.streams()) {
      if (!stream->over()) continue;
      std::erase(dialling_, stream->remote());
      if (stream->dialled()) not_before_[stream->remote()] = now + PeerSettings::kRetry;
      if (stream->remote() == server_) continue;
      rebuffs_.resets += stream->state() == check::Stream::State::refused;
      rebuffs_.icmp_errors += stream->state() == check::Stream::State::icmp;
    }
    tcp_.sweep();
  }

  static constexpr std::size_t kStreams = 32;

  check::TcpPort tcp_;
  Endpoint server_;
  std::map<Endpoint, TimePoint> not_before_;  // only of endpoints that we dial, which are few
  std::vector<Endpoint> dialling_;            // not reported as opened yet
  Rebuffs rebuffs_;
};

}  // namespace

std::unique_ptr<Line> make_line(Protocol protocol, const Endpoint& local, const Endpoint& server) {
  if (protocol == Protocol::tcp) return std::make_unique<TcpLine>(local, server);
  return std::make_unique<UdpLine>(local, server);
}

}  // namespace nat::traversal
