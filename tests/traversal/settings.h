// What the command line of a peer says.
#pragma once

#include "tests/traversal/book.h"

namespace nat::traversal {

enum class Technique : std::uint8_t {
  punch,       // both call each other at the same time
  sequential,  // one opens the hole and waits to be called; the other calls then
  predict,     // as punch, aimed at the port that the gateway is expected to give next
  reverse,     // only the one behind a gateway calls
  relay,       // everything goes by way of S
};

// When a peer sends to the other for the first time.
enum class Start : std::uint8_t {
  now,         // as soon as it knows whom to send to
  after_peer,  // when it has heard from the other, or S says that the other has sent
  never,       // only to where it was heard from
  enter,       // when a line comes on standard input
};

const char* to_string(Technique technique);
const char* to_string(Start start);

struct PeerSettings {
  Endpoint server;
  std::string name;
  std::string partner;
  Protocol protocol = Protocol::udp;
  Technique technique = Technique::punch;
  Start start = Start::now;
  Endpoint local;  // port 0: choose one
  bool try_internal = true;
  bool try_external = true;
  bool strict = false;      // accept the other only at the endpoint that S named
  int offset = 1;           // predict: how far from the port that S saw
  milliseconds delay{};     // between start and the first packet
  milliseconds patience{};  // for trying to reach the other
  milliseconds wait{};      // for the other to join
  milliseconds timeout{};   // for S to answer
  bool json = false;

  static constexpr milliseconds kInterval{200};  // between two tries
  static constexpr milliseconds kRetry{1000};    // between a refused connection and the next
};

}  // namespace nat::traversal
