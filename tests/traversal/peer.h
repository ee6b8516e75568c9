// A peer of RFC 5128: it joins at S, is introduced to the other, and tries to reach it by one technique.
//
// It takes the first source that answers with the nonce, wherever that is (peer-reflexive), sends to it from
// then on, and stays until the other has had an answer too.
#pragma once

#include <functional>
#include <optional>

#include "tests/natcheck/line_port.h"
#include "tests/natcheck/signal_port.h"
#include "tests/traversal/result.h"

namespace nat::traversal {

class Peer {
 public:
  // Takes the local port, or throws SetupError. `introduced` is called once with the peer it will try to
  // reach.
  Peer(const PeerSettings& settings, std::function<void(const Result&)> introduced);

  // To the end.
  Result run();

  static constexpr std::size_t kSources = 8;    // of the other, that are spoken to
  static constexpr milliseconds kOpening{500};  // sequential: how long the first SYN may take
  static constexpr milliseconds kRejoin{1000};

 private:
  bool over(TimePoint now);
  TimePoint deadline() const;
  void tick(TimePoint now);
  void join(TimePoint now);
  void call(TimePoint now);
  void take(const Heard& heard);
  void take_from_server(const Message& message);
  void take_introduction(const Message& message);
  void take_from_partner(const Heard& heard);
  void choose_role();
  bool allowed(const Endpoint& source) const;
  bool told_to_start() const;
  void say(Kind kind, const Endpoint& to, Stage stage = Stage::none);

  PeerSettings settings_;
  std::function<void(const Result&)> introduced_;
  check::SignalPort signals_;
  check::LinePort input_;
  std::unique_ptr<Line> line_;
  Result result_;
  const std::uint64_t run_;
  const TimePoint begin_;
  std::uint64_t cookie_ = 0;
  std::uint64_t nonce_ = 0;  // 0: not introduced yet
  std::optional<TimePoint> introduced_at_;
  std::optional<TimePoint> start_at_;
  bool entered_ = false;  // a line has come
  bool begun_ = false;
  Stage stage_ = Stage::none, partner_stage_ = Stage::none;
  std::vector<Endpoint> targets_;  // whom to call
  std::vector<Endpoint> sources_;  // where the other was heard
  TimePoint next_tick_, next_join_;
};

}  // namespace nat::traversal
