// What a run has found for one protocol, and what follows from it. Observations that could not be made stay
// empty, and so does every verdict that would need them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "filtering/behavior.h"
#include "tests/natcheck/message.h"
#include "tests/natcheck/port.h"

namespace nat::check {

// A contact that the client never asked its sender for.
struct Unsolicited {
  std::optional<bool> arrived;  // at the client
  Outcome response =
      Outcome::none;  // what came back to the sender: sent (nothing), pending, open, refused, icmp
  std::uint8_t icmp_type = 0;
  std::uint8_t icmp_code = 0;
  milliseconds after{};  // how long after a SYN its answer came, or was given up on
};

// From a second local port of the client to the external endpoint of its first.
struct Hairpin {
  std::optional<bool> one_way;       // arrived, though only one side had sent
  std::optional<bool> two_way;       // arrived once both sides had
  std::optional<Endpoint> source;    // whom the receiver saw
  std::optional<Endpoint> external;  // the sender's external endpoint, as the first server saw it
  Endpoint local;                    // the sender's own
};

struct Findings {
  Protocol protocol = Protocol::udp;
  Endpoint local;
  std::optional<Endpoint> first_server;   // the local endpoint as the first server sees it
  std::optional<Endpoint> second_server;  // as the second server sees it
  std::optional<Endpoint> second_port;    // as the second server's other port sees it
  Unsolicited from_third_server;
  Unsolicited from_second_port;
  Hairpin hairpin;
  std::optional<bool> payload_untouched;
  std::optional<Outcome>
      third_connection;                  // TCP: how our connection to the third server came about, if it did
  bool third_connection_failed = false;  // TCP: it was tried and did not come about
};

enum class Response : std::uint8_t { silent, refused, icmp, passed, intercepted };
const char* to_string(Response response);

// Whether a server was reached at all, and whether there is a gateway that translates in between.
bool reached(const Findings& findings);
std::optional<bool> translated(const Findings& findings);

// One external endpoint towards all servers; the paper's condition for hole punching.
std::optional<bool> consistent(const Findings& findings);
std::optional<Behavior> mapping(const Findings& findings);
// From what three endpoints saw of a local one: two addresses, and another port of the second address.
std::optional<Behavior> mapping_of(const std::optional<Endpoint>& first,
                                   const std::optional<Endpoint>& second,
                                   const std::optional<Endpoint>& second_port);
std::optional<Behavior> filtering(const Findings& findings);

// What the sender of an unsolicited packet got back, or that it passed. `intercepted`: the handshake
// completed, but not with the client.
std::optional<Response> response(const Unsolicited& unsolicited);

// RFC 4787 REQ-9a: the receiver of a hairpinned packet sees the sender's external address, never its internal
// one.
std::optional<bool> external_source(const Hairpin& hairpin);

// Consistent translation and, over TCP, no refusal of unsolicited SYNs.
std::optional<bool> punchable(const Findings& findings);

}  // namespace nat::check
