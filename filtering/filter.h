// Whether a packet of a remote that has no session may use a mapping (RFC 4787 section 5, RFC 5382
// section 4.3).
#pragma once

#include <optional>

#include "filtering/behavior.h"
#include "translation/net/reason.h"

namespace nat {

// What is known of the remote when the question is asked.
struct RemoteHistory {
  bool contacted_address = false;   // the mapping has sent something to its address
  bool contacted_endpoint = false;  // and to this very port
};

// Nothing when the packet may pass, else the reason to drop it.
constexpr std::optional<Reason> filter(Behavior behavior, RemoteHistory remote) {
  switch (behavior) {
    case Behavior::endpoint_independent:
      return std::nullopt;
    case Behavior::address_dependent:
      if (remote.contacted_address) return std::nullopt;
      return Reason::filtered_by_address;
    case Behavior::address_and_port_dependent:
      break;
  }
  if (remote.contacted_endpoint) return std::nullopt;
  return Reason::filtered_by_port;
}

}  // namespace nat
