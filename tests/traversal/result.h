// What a peer has found out, as text and as JSON.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "tests/traversal/line.h"

namespace nat::traversal {

enum class Outcome : std::uint8_t {
  reached,    // an answer has come from the other
  no_way,     // none has, in the time there was
  alone,      // the other has not joined
  no_server,  // S has not answered
  refused,    // S says that the name is taken, or that it is full
};

struct Result {
  PeerSettings settings;
  Outcome outcome = Outcome::no_server;
  std::string reason;            // why no way was tried, where none was
  Endpoint local;                // ours
  Endpoint external;             // ours, as S sees it
  Endpoint partner_internal;     // as the other has named it to S
  Endpoint partner_external;     // as S sees it
  Endpoint remote;               // where the first answer came from
  Endpoint seen_as;              // ours, as the other sees it on that way
  bool partner_reached = false;  // the other has had an answer too
  std::vector<Endpoint> heard;   // all sources that knew the nonce
  unsigned rejected = 0;         // messages of others, or from where they may not come from
  Rebuffs rebuffs;
  milliseconds duration{};  // from the introduction to the first answer, or to the end
};

// Which way the answer took: "relay", "reversed", "private", "public", or "hairpin", which is the public way
// between two behind one gateway. Empty if none came.
std::string path(const Result& result);

// The answer came from an endpoint that S did not know: a peer-reflexive one.
bool reflexive(const Result& result);

nlohmann::json json(const Result& result);
std::string text(const Result& result);

inline constexpr int kNoWay = 1, kAlone = 2, kRefused = 3, kUsage = 64, kUnreachable = 69, kSetup = 71;
int exit_code(const Result& result);

}  // namespace nat::traversal
