// Packets as fixtures write them, one line each:
//
//   udp 10.0.0.1:4321 > 192.0.2.31:53 "text"
//   tcp 10.0.0.1:4321 > 192.0.2.31:80 SA seq 1000 ack 1000 win 8192 "text"      (flags of F S R P A, or - )
//   echo 10.0.0.1 > 192.0.2.31 id 7007 "text"            echo-reply likewise
//   icmp 192.0.2.1 > 203.0.113.11 3/4 rest 1280 quotes 28 of udp ...              (28 octets of the packet)
//   protocol 47 10.0.0.1 > 192.0.2.31
//   fragment 2 of 1480 of udp ...                        (the second piece of 1480 octets)
//   hex 4500 001c ...
//
// Every kind but hex takes, behind the endpoints and before the text: ttl N, tos N, ipid N, may-fragment,
// no-checksum (UDP), broken (wrong transport checksum), zeros N (a payload of N zero octets), options HEX (of
// IP). What is not said is as in tests/support/packet_builder.h; checksums are right.
#pragma once

#include <string>
#include <string_view>

#include "tests/support/octets.h"

namespace nat::test {

// Throws std::invalid_argument with a sentence that says what cannot be read.
Octets packet_from_text(std::string_view text);

// Pairs of hexadecimal digits, blanks anywhere between them.
Octets octets_from_hex(std::string_view text);
std::string to_hex(const Octets& octets);

}  // namespace nat::test
