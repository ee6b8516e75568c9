// The one message of NAT Check, over UDP and TCP alike: 64 octets, never more, never less, so that no answer
// is larger than its question and a stream needs no framing.
//
// Endpoints travel as their one's complement: a gateway that rewrites addresses inside payloads finds none.
// The two `raw` endpoints are the exception, and the bait: they are written as they are, to see whether they
// arrive so.
//
//   octets  0 magic "NATC"   4 version   5 kind   6 run (8)   14 stage   15 observed (6, complement)
//          21 protocol   22 outcome   23 ICMP type   24 ICMP code   25 wait (2)   27 subject (6, complement)
//          33 raw local (6)   39 raw observed (6)   45 cookie (8)   53 tag (2)   55 zero (9)
#pragma once

#include <cstdint>
#include <span>

#include "tests/natcheck/fields.h"

namespace nat::check {

enum class Kind : std::uint8_t {
  ping = 1,  // client to server: what do you see?
  pong,      // server to client: I see `observed`; also what a server sends unasked
  probe,     // client to second server: have me contacted unasked, in the way of `stage`
  report,    // second server to client: `outcome` of the probe
  forward,   // second server to third: contact `subject` over `protocol`, answer after `wait`
  go,        // third server to second: `outcome` of that
  hairpin,   // client to client
  echo,      // client to second server: `subject` and `raw_local` are the same endpoint
  echoed,    // back: `observed` and `raw_observed` are the same endpoint; `outcome` says how the echo arrived
};

// Which step of the procedure a message belongs to.
enum class Stage : std::uint8_t {
  none,
  first_server,   // K1, KT1
  second_server,  // K2, KT2
  second_port,    // the second server's other port: asked for the mapping, unasked for the filtering
  third_server,   // K3, KT3, KT5
  hairpin,        // K4, KT6
  payload,        // KA
};

// What became of an unasked contact (report, go), of a connection to the third server (pong), of an echo
// (echoed).
enum class Outcome : std::uint8_t {
  none,
  sent,                    // UDP: it has left, nothing came back yet
  open,                    // TCP: the handshake completed
  pending,                 // TCP: no answer within `wait`
  refused,                 // TCP: a reset came back
  icmp,                    // an ICMP error came back; type and code say which
  unavailable,             // the server that should do it cannot, or has too much to do
  accepted,                // your SYN met a listening port
  simultaneous,            // your SYN met our own: simultaneous open
  accepted_after_refusal,  // a listening port, after a reset to our SYN
  accepted_after_icmp,     // a listening port, after an ICMP error to our SYN
  intact,                  // the payload came as it was sent
  altered,                 // it did not
};

struct Message {
  Kind kind = Kind::ping;
  std::uint64_t run = 0;  // who asks: random, one for each client
  Stage stage = Stage::none;
  Endpoint observed;                  // the receiver, as the sender sees it
  Protocol protocol = Protocol::udp;  // of the contact that is asked for
  Outcome outcome = Outcome::none;
  std::uint8_t icmp_type = 0;
  std::uint8_t icmp_code = 0;
  std::uint16_t wait = 0;  // milliseconds: how long to wait; in a report, how long after the SYN
  Endpoint subject;
  Endpoint raw_local;
  Endpoint raw_observed;
  std::uint64_t cookie = 0;  // from a pong, proves in a probe that the asker receives at its source address
  std::uint16_t tag = 0;     // hairpin: which client sent it; ping and pong: which of several questions

  bool operator==(const Message&) const = default;
};

Octets encode(const Message& message);

// False unless the octets are exactly one well-formed message; then `message` is unchanged.
bool parse(std::span<const std::uint8_t> octets, Message& message);

}  // namespace nat::check
