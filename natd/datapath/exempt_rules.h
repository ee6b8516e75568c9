// What nat.exempt means to the kernel, as text for `nft -f`. The hosts behind the gateway reach an exempt
// remote through natd, which leaves their packets as they are; what it sends to their own addresses crosses
// without natd. A table that knows exempt remotes has two chains for them, which accept what they name:
// `from_exempt` on the way in, `to_exempt` on the way out.
#pragma once

#include <string>
#include <vector>

#include "translation/policy/policy.h"

namespace nat {

// Replaces the rules of both chains of `table`. Where ports are named, fragments without ports and ICMP
// errors pass as well: they are worth nothing without the packets that they belong to.
std::string exempt_rules(const std::string& table, const std::vector<Exemption>& exempt);

}  // namespace nat
