// One TCP connection that carries STUN, from a client's or a server's end.
#pragma once

#include <memory>

#include "tests/natcheck/port.h"
#include "tests/natcheck/socket.h"
#include "tests/natcheck/stun/message.h"

namespace nat::check::stun {

class Stream : public check::Port {
 public:
  // A connection from `local` to `remote`, whose endpoint other connections may share. One that the kernel
  // will not make is over at once. Throws SetupError where the endpoint cannot be had.
  static std::unique_ptr<Stream> dial(const Endpoint& local, const Endpoint& remote);
  // One that has been accepted.
  Stream(Descriptor socket, const Endpoint& remote, bool open = true)
      : socket_(std::move(socket)), remote_(remote), open_(open) {}

  const Endpoint& remote() const { return remote_; }
  bool open() const { return open_ && socket_; }
  bool over() const { return !socket_; }
  TimePoint last_heard() const { return last_heard_; }
  Endpoint local() const { return local_endpoint(socket_.get()); }

  // Messages are so small that the kernel takes each whole, or the connection is given up.
  void send(const Message& message);
  std::vector<Message> take_heard() { return std::exchange(heard_, {}); }
  // Ends it with a reset, so that its port can be used again at once.
  void abort();

  void watch(std::vector<pollfd>& descriptors) const override;
  void serve(std::span<const pollfd> descriptors) override;

 private:
  void finish_connecting();
  void receive();
  void cut_messages();

  static constexpr std::size_t kKept = 16;

  Descriptor socket_;
  Endpoint remote_;
  bool open_;
  TimePoint last_heard_ = Clock::now();
  std::vector<std::uint8_t> partial_;
  std::vector<Message> heard_;
};

}  // namespace nat::check::stun
