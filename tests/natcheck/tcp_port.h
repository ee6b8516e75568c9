// One TCP port of this host, used from both sides as hole punching over TCP does (RFC 5128 section 3.4): it
// listens, and connections leave from the same port. A stream carries messages of kMessageSize octets and
// nothing else; whose messages, is for those to say who send and take them.
#pragma once

#include <memory>

#include "tests/natcheck/message.h"
#include "tests/natcheck/port.h"
#include "tests/natcheck/socket.h"

namespace nat::check {

class Stream {
 public:
  // connecting -> open | refused (a reset came) | icmp (an ICMP error came) | failed (the kernel would not)
  // open -> closed, by either side or by anything that is not a message
  enum class State : std::uint8_t { connecting, open, refused, icmp, failed, closed };

  Stream(Descriptor socket, const Endpoint& remote, bool dialled, State state)
      : socket_(std::move(socket)), remote_(remote), dialled_(dialled), state_(state) {}

  const Endpoint& remote() const { return remote_; }
  bool dialled() const { return dialled_; }  // we sent a SYN; the other side may have sent one too
  State state() const { return state_; }
  bool open() const { return state_ == State::open; }
  bool connecting() const { return state_ == State::connecting; }
  bool over() const { return !open() && !connecting(); }
  const IcmpError& icmp_error() const { return icmp_error_; }  // where the state is icmp
  TimePoint last_heard() const { return last_heard_; }

  // Sends, if the stream is open; one that cannot take a message at once is given up.
  template <typename Any>
  void send(const Any& message) {
    send_octets(encode(message));
  }
  // Ends the stream with a reset.
  void abort();

  // The messages that have come, oldest first; at most kKept wait here, the rest in the kernel. Whatever is
  // no message ends the stream.
  template <typename Any = Message>
  std::vector<Any> take_heard() {
    std::vector<Any> messages;
    for (const Octets& octets : std::exchange(heard_, {})) {
      messages.emplace_back();
      if (parse(octets, messages.back())) continue;
      messages.pop_back();
      abort();
      break;
    }
    return messages;
  }

  static constexpr std::size_t kKept = 16;

 private:
  friend class TcpPort;

  void send_octets(const Octets& octets);
  pollfd watched() const;
  void serve(short events);
  void finish_connecting();
  void receive();

  Descriptor socket_;
  Endpoint remote_;
  bool dialled_;
  State state_;
  IcmpError icmp_error_;
  TimePoint last_heard_ = Clock::now();
  Octets partial_{};
  std::size_t partial_size_ = 0;
  std::vector<Octets> heard_;
};

class TcpPort : public Port {
 public:
  // Listens on `local` (with `listening`), for at most `limit` streams in all; newcomers beyond it are reset.
  // Throws SetupError.
  TcpPort(const Endpoint& local, std::size_t limit, bool listening = true);

  const Endpoint& local() const { return local_; }

  // Starts to connect from this port. The stream belongs to the port until it is swept away.
  Stream& dial(const Endpoint& remote);

  std::vector<std::unique_ptr<Stream>>& streams() { return streams_; }
  bool full() const { return streams_.size() >= limit_; }
  void sweep();  // forgets the streams that are over

  void watch(std::vector<pollfd>& descriptors) const override;
  void serve(std::span<const pollfd> descriptors) override;

 private:
  void accept_all();

  std::size_t limit_;
  Descriptor listener_;  // none where it does not listen
  Endpoint local_;
  std::vector<std::unique_ptr<Stream>> streams_;
};

}  // namespace nat::check
