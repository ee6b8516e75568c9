// Clients talking to clients over TCP: whoever calls says hello first, whoever is called answers once; where
// both call and their SYNs meet, both say hello. Follows the streams of one port that are not a client's
// business with servers.
#pragma once

#include "tests/natcheck/tcp_port.h"

namespace nat::check {

// A hello that came over some stream.
struct Meeting {
  Endpoint source;
  std::uint64_t run = 0;  // whom it was meant for
  std::uint16_t tag = 0;  // who said it
  bool answer = false;    // it came back for our own hello; then `run` is what we had said
};

class Greeter {
 public:
  // `tag` is who we are. The port must live longer.
  Greeter(TcpPort& port, std::uint16_t tag) : port_(port), tag_(tag) {}

  // An earlier call to the same peer that has not come through is given up, so that a SYN leaves now.
  Stream& call(const Endpoint& peer, std::uint64_t peer_run);

  // Says what is due and takes down who has said hello; call it after every stir of the port.
  void follow();
  const std::vector<Meeting>& meetings() const { return meetings_; }
  std::vector<Meeting> take_meetings() { return std::exchange(meetings_, {}); }
  const Meeting* met(std::uint16_t tag) const;

  static constexpr std::size_t kKept = 512;

 private:
  struct Call {
    Stream* stream;
    std::uint64_t run;
    bool spoken = false;
  };

  void listen_to(Stream& stream, const Call* call);
  Message hello(std::uint64_t run) const;

  TcpPort& port_;
  std::uint16_t tag_;
  std::vector<Call> calls_;
  std::vector<Meeting> meetings_;
};

}  // namespace nat::check
