// What would let a refused packet pass: the one setting or command, or the plain word that none would.
#pragma once

#include <string>

#include "translation/net/endpoint.h"
#include "translation/net/reason.h"
#include "translation/policy/policy.h"
#include "translation/ports/pool.h"

namespace nat {

// What is known of a refused packet.
struct Refused {
  Reason reason = Reason::no_mapping;
  Protocol protocol = Protocol::udp;  // where the reason has to do with one
  Endpoint destination;               // as the packet came
  Endpoint conflicting;               // session-conflict: the external endpoint of the other mapping
  bool hairpinned = false;
  std::string limit;  // fragment-limit: the key of the limit that was met, if it has one
  // The profile that judged it, and so the rule of the configuration by which it did; see Profiles.
  std::uint8_t profile = 0;
  PortRelief relief;               // ports-exhausted: what would give it a port
  bool contacted_address = false;  // the mapping has contacted the remote's address, at another port
};

struct Remedy {
  std::string text;     // for the operator; begins with "none" where nothing would help
  std::string setting;  // "udp.filtering=endpoint-independent", where one setting is enough
};

// `profile` is the one that `refused` names.
Remedy remedy_for(const Refused& refused, const Policy& policy, const Profile& profile);

}  // namespace nat
