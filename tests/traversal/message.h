// The one message of natpunch, over UDP and TCP alike. It looks the same between a peer and the rendezvous
// server S and between two peers, so that S can pass a message on as it came.
//
//   octets  0 magic "NATP"   4 version   5 kind   6 stage   7 zero   8 nonce (8)   16 cookie (8)
//          24 from (12)   36 to (12)   48 external (6, complement)   54 internal (6, complement)   60 zero
//          (4)
//
// `from` and `to` are names: 1 to 12 letters, digits, dots, dashes and underscores, filled up with zeros.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "tests/natcheck/fields.h"

namespace nat::traversal {

using check::Octets;

inline constexpr std::size_t kLongestName = 12;

enum class Kind : std::uint8_t {
  join = 1,   // peer to S: `from` wants to meet `to`; `nonce` is its run, `internal` where it is bound
  seen,       // S to peer: I see you as `external`; `cookie` belongs into the next join over UDP
  refused,    // S to peer: the name is another peer's, or there is no room
  introduce,  // S to peer: `from` wants to meet you too, is at `external` and `internal`; you both know
              // `nonce`
  leave,      // peer to S: forget me
  knock,      // peer to peer: are you there?
  answer,     // peer to peer: I am; I see you as `external`
  notice,     // peer to peer by way of S: I have come to `stage`
};

// How far a peer has come.
enum class Stage : std::uint8_t {
  none,
  begun,   // its first packet has left
  opened,  // it has sent what it wanted to, and waits to be called
  done,    // it has had an answer
};

struct Message {
  Kind kind = Kind::join;
  Stage stage = Stage::none;
  std::uint64_t nonce = 0;
  std::uint64_t cookie = 0;  // proves that who joins over UDP receives at its source address
  std::string from;
  std::string to;
  Endpoint external;
  Endpoint internal;

  bool operator==(const Message&) const = default;
};

bool is_name(std::string_view text);

// The names must be names.
Octets encode(const Message& message);

// False unless the octets are exactly one well-formed message; then `message` is unchanged.
bool parse(std::span<const std::uint8_t> octets, Message& message);

}  // namespace nat::traversal
