#include "tests/natcheck/stun/server.h"

#include <algorithm>

namespace nat::check::stun {
namespace {

constexpr milliseconds kTick{1000};  // how late an idle connection may be noticed
constexpr int kBacklog = 64, kAcceptBatch = 32;

}  // namespace

Server::Listener::Listener(const Endpoint& local)
    : socket_(bind_socket(SOCK_STREAM, local, true)), local_(local) {
  if (listen(socket_.get(), kBacklog) != 0)
    throw SetupError("cannot listen on " + local.to_string() + " (TCP)");
}

void Server::Listener::watch(std::vector<pollfd>& descriptors) const {
  descriptors.push_back({socket_.get(), POLLIN, 0});
  for (const auto& stream : streams_) stream->watch(descriptors);
}

void Server::Listener::serve(std::span<const pollfd> descriptors) {
  for (std::size_t i = 1; i < descriptors.size(); ++i) streams_[i - 1]->serve(descriptors.subspan(i, 1));
  if (descriptors[0].revents != 0) accept_all();
}

void Server::Listener::accept_all() {
  for (int i = 0; i < kAcceptBatch; ++i) {
    sockaddr_storage remote{};
    socklen_t size = sizeof remote;
    Descriptor socket(
        accept4(socket_.get(), reinterpret_cast<sockaddr*>(&remote), &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!socket) return;
    if (streams_.size() >= kStreams) {
      reset_on_close(socket.get());
      continue;
    }
    streams_.push_back(std::make_unique<Stream>(std::move(socket), from_kernel(remote)));
  }
}

void Server::Listener::close_idle(TimePoint now) {
  for (const auto& stream : streams_) {
    if (now - stream->last_heard() > kIdle) stream->abort();
  }
  std::erase_if(streams_, [](const auto& stream) { return stream->over(); });
}

Server::Server(const Layout& layout) : layout_(layout) {
  for (const Endpoint& endpoint : layout.endpoints()) {
    ports_.push_back(std::make_unique<Port>(endpoint));
    listeners_.push_back(std::make_unique<Listener>(endpoint));
  }
}

void Server::run() {
  while (!signals_.raised()) step();
}

void Server::step() {
  Ports all{&signals_};
  for (const auto& port : ports_) all.push_back(port.get());
  for (const auto& listener : listeners_) all.push_back(listener.get());
  serve_once(all, Clock::now() + kTick);
  for (const auto& port : ports_) answer_datagrams(*port);
  for (const auto& listener : listeners_) {
    answer_streams(*listener);
    listener->close_idle(Clock::now());
  }
}

void Server::answer_datagrams(Port& port) {
  port.take_errors();
  for (const Heard& heard : port.take_heard()) {
    if (!allowance_.take(Clock::now())) return;
    const auto answer = reply(heard.message, Protocol::udp, port.local(), heard.from, layout_);
    if (answer) port_at(answer->from)->send(answer->message, answer->to);
  }
}

void Server::answer_streams(Listener& listener) {
  for (const auto& stream : listener.streams()) {
    for (const Message& message : stream->take_heard()) {
      const auto answer = reply(message, Protocol::tcp, listener.local(), stream->remote(), layout_);
      if (answer) stream->send(answer->message);
    }
  }
}

Port* Server::port_at(const Endpoint& local) {
  return std::find_if(ports_.begin(), ports_.end(), [&](const auto& port) { return port->local() == local; })
      ->get();
}

}  // namespace nat::check::stun
