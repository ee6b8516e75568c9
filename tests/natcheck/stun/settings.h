// What the STUN client needs to know.
#pragma once

#include <optional>

#include "tests/natcheck/port.h"
#include "translation/net/endpoint.h"

namespace nat::check::stun {

// How long mappings live is looked for only if this is given: it takes as long as they live.
struct LifetimeSearch {
  milliseconds longest;  // a mapping that lives for so long is not watched any further
  milliseconds
      precision{};  // how far apart the longest silence survived and the shortest that was not may be
};

struct Settings {
  Endpoint server;  // A1:P1; the server names its other address and port
  Address local;
  milliseconds wait{1500};     // how long silence is listened to before it is believed, with three tries
  milliseconds timeout{5000};  // how long the server may take to answer
  unsigned rate = 10;  // new transactions a second, of which RFC 5780 section 4 wants no more than ten
  std::optional<LifetimeSearch> lifetime;
  milliseconds floor{120'000};  // a mapping that lives shorter is too short-lived (RFC 4787 REQ-5)
};

}  // namespace nat::check::stun
