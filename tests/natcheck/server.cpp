#include "tests/natcheck/server.h"

#include <algorithm>

namespace nat::check {
namespace {

constexpr milliseconds kTick{1000};  // how late an idle stream may be noticed

std::unique_ptr<Role> make_role(ServerPorts& ports, const ServerSettings& settings,
                                const CookieJar& cookies) {
  switch (settings.role) {
    case 2:
      return make_second_role(ports, settings, cookies);
    case 3:
      return make_third_role(ports, settings);
    default:
      return make_first_role(ports);
  }
}

// The reply to a ping or an echo that came from `client`; nothing for other kinds.
std::optional<Message> reply(const Message& asked, const Endpoint& client) {
  if (asked.kind != Kind::ping && asked.kind != Kind::echo) return std::nullopt;
  Message answer;
  answer.run = asked.run;
  answer.stage = asked.stage;
  answer.tag = asked.tag;
  answer.protocol = asked.protocol;
  answer.observed = client;
  answer.kind = Kind::pong;
  if (asked.kind == Kind::echo) {
    answer.kind = Kind::echoed;
    answer.outcome = asked.raw_local == asked.subject ? Outcome::intact : Outcome::altered;
    answer.subject = asked.subject;
    answer.raw_local = asked.subject;
    answer.raw_observed = client;
  }
  return answer;
}

}  // namespace

Server::Server(const ServerSettings& settings)
    : cookies_({random_number(), random_number()}),
      ports_(settings.listen),
      role_(make_role(ports_, settings, cookies_)) {}

void Server::run() {
  while (!signals_.raised()) step();
}

void Server::step() {
  Ports ports{&signals_, &ports_.udp[0], &ports_.udp[1], &ports_.tcp[0], &ports_.tcp[1]};
  role_->watch(ports);
  serve_once(ports, std::min(role_->next_deadline(), Clock::now() + kTick));
  for (UdpPort& port : ports_.udp) {
    for (const Datagram& datagram : port.take_heard()) answer(port, &port == &ports_.udp[0], datagram);
  }
  for (TcpPort& port : ports_.tcp) {
    // By number: an answer may start a new stream in the same port.
    for (std::size_t i = 0; i < port.streams().size(); ++i) {
      Stream& stream = *port.streams()[i];
      for (const Message& message : stream.take_heard()) answer(stream, &port == &ports_.tcp[0], message);
    }
  }
  const TimePoint now = Clock::now();
  role_->follow(now);
  close_idle(now);
  for (UdpPort& port : ports_.udp) port.take_errors();
  for (TcpPort& port : ports_.tcp) port.sweep();
}

void Server::answer(UdpPort& port, bool main, const Datagram& datagram) {
  if (auto message = reply(datagram.message, datagram.from)) {
    message->cookie = cookies_.cookie(datagram.from, datagram.message.run);
    port.send(*message, datagram.from);
  } else if (main) {
    role_->datagram(datagram);
  }
}

void Server::answer(Stream& stream, bool main, const Message& message) {
  if (auto answer = reply(message, stream.remote())) {
    if (main && answer->kind == Kind::pong) answer->outcome = role_->connection_outcome(stream);
    stream.send(*answer);
  } else if (main) {
    role_->message(stream, message);
  }
}

void Server::close_idle(TimePoint now) {
  for (TcpPort& port : ports_.tcp) {
    for (const auto& stream : port.streams()) {
      if (stream->open() && now - stream->last_heard() > kIdle && !role_->keeps(*stream)) stream->abort();
    }
  }
}

}  // namespace nat::check
