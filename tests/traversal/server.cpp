#include "tests/traversal/server.h"

#include <algorithm>

namespace nat::traversal {
namespace {

constexpr milliseconds kTick{1000};  // how late a silent peer may be noticed

}  // namespace

Server::Server(const Endpoint& listen)
    : udp_(listen),
      tcp_(listen, kStreams),
      secret_{check::random_number(), check::random_number()},
      book_(check::random_number) {}

void Server::run() {
  while (!signals_.raised()) step();
}

void Server::step() {
  check::serve_once({&signals_, &udp_, &tcp_}, Clock::now() + kTick);
  for (const Heard& heard : udp_.take_heard()) take(Protocol::udp, heard.from, heard.message);
  for (const auto& stream : tcp_.streams()) {
    for (const Message& message : stream->take_heard<Message>())
      take(Protocol::tcp, stream->remote(), message);
  }
  udp_.take_errors();
  forget_silent(Clock::now());
  tcp_.sweep();
}

void Server::take(Protocol protocol, const Endpoint& from, const Message& message) {
  switch (message.kind) {
    case Kind::join:
      return join(protocol, from, message);
    case Kind::leave:
      if (const Visitor* const who = book_.find(protocol, message.from, from);
          who && who->run == message.nonce) {
        book_.remove(protocol, message.from);
      }
      return;
    case Kind::knock:
    case Kind::answer:
    case Kind::notice:
      return pass_on(protocol, from, message);
    case Kind::seen:
    case Kind::refused:
    case Kind::introduce:
      return;
  }
}

void Server::join(Protocol protocol, const Endpoint& from, const Message& message) {
  Message reply;
  reply.kind = Kind::seen;
  reply.nonce = message.nonce;
  reply.from = message.to;
  reply.to = message.from;
  reply.external = from;
  reply.cookie = cookie(from, message.nonce);
  const bool receives = protocol == Protocol::tcp || message.cookie == reply.cookie;
  if (!receives) return send(protocol, from, reply);

  Visitor visitor;
  visitor.protocol = protocol;
  visitor.name = message.from;
  visitor.wanted = message.to;
  visitor.run = message.nonce;
  visitor.external = from;
  visitor.internal = message.internal;
  const Visitor* const entered = book_.enter(std::move(visitor), Clock::now());
  if (entered == nullptr) reply.kind = Kind::refused;
  send(protocol, from, reply);
  if (entered == nullptr) return;
  if (const Visitor* const partner = book_.partner(*entered)) {
    introduce(*entered, *partner);
    introduce(*partner, *entered);
  }
}

void Server::introduce(const Visitor& to, const Visitor& partner) {
  Message message;
  message.kind = Kind::introduce;
  message.nonce = to.nonce;
  message.from = partner.name;
  message.to = to.name;
  message.external = partner.external;
  message.internal = partner.internal;
  send(to.protocol, to.external, message);
}

void Server::pass_on(Protocol protocol, const Endpoint& from, const Message& message) {
  Visitor* const sender = book_.find(protocol, message.from, from);
  if (sender == nullptr || sender->nonce == 0 || sender->nonce != message.nonce) return;
  sender->last_heard = Clock::now();
  const Visitor* const partner = book_.partner(*sender);
  if (partner != nullptr && partner->name == message.to) send(protocol, partner->external, message);
}

void Server::send(Protocol protocol, const Endpoint& to, const Message& message) {
  if (protocol == Protocol::udp) return udp_.send(message, to);
  for (const auto& stream : tcp_.streams()) {
    if (stream->open() && stream->remote() == to) return stream->send(message);
  }
}

void Server::forget_silent(TimePoint now) {
  book_.expire(now);
  for (const auto& stream : tcp_.streams()) {
    if (stream->open() && now - stream->last_heard() > Book::kSilence) stream->abort();
  }
}

std::uint64_t Server::cookie(const Endpoint& external, std::uint64_t run) const {
  return siphash13(secret_, run, std::uint64_t{external.address.value()} << 16 | external.port);
}

}  // namespace nat::traversal
