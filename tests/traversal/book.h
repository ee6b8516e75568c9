// The visitors' book of the rendezvous server: who has joined, over which protocol, whom each wants to meet.
// Two who name each other are a pair and share a nonce, which is new whenever one of them is.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <utility>

#include "tests/natcheck/port.h"
#include "tests/traversal/message.h"

namespace nat::traversal {

using check::Clock;
using check::milliseconds;
using check::TimePoint;

struct Visitor {
  Protocol protocol = Protocol::udp;
  std::string name;
  std::string wanted;
  std::uint64_t run = 0;    // of its program; another run under a living name is another visitor
  Endpoint external;        // where S sees it
  Endpoint internal;        // where it says that it is bound
  std::uint64_t nonce = 0;  // shared with the partner; 0: there is none
  TimePoint last_heard{};
};

class Book {
 public:
  // `draw` gives random numbers.
  explicit Book(std::function<std::uint64_t()> draw) : draw_(std::move(draw)) {}

  // Enters a visitor or refreshes its entry; null if the name is another peer's or the book is full.
  const Visitor* enter(Visitor visitor, TimePoint now);

  // The other half of the pair; null if there is none.
  const Visitor* partner(const Visitor& visitor) const;

  // Who has this name and speaks from this endpoint.
  Visitor* find(Protocol protocol, const std::string& name, const Endpoint& external);

  void remove(Protocol protocol, const std::string& name);
  // Forgets those who were not heard for kSilence.
  void expire(TimePoint now);
  std::size_t size() const { return visitors_.size(); }

  static constexpr std::size_t kVisitors = 1024;
  static constexpr milliseconds kSilence{15'000};

 private:
  using Key = std::pair<Protocol, std::string>;

  Visitor* partner_of(const Visitor& visitor);
  void part(Visitor& visitor);

  std::function<std::uint64_t()> draw_;
  std::map<Key, Visitor> visitors_;
};

}  // namespace nat::traversal
