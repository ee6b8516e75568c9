// How long a mapping lives without traffic (RFC 5780 section 4.6), and what keeps it alive.
//
// Each silence is tried on a mapping of its own, several lengths at a time: a search that halves the interval
// three times in a round. Nothing is refreshed for the next round, so that a gateway that does not refresh is
// measured too.
#pragma once

#include "tests/natcheck/stun/findings.h"
#include "tests/natcheck/stun/inquirer.h"

namespace nat::check::stun {

// Nothing where the server does not know RESPONSE-PORT, or the gateway gives this host several external
// addresses.
std::optional<Lifetime> find_lifetime(const Inquirer& inquirer, const Settings& settings);

}  // namespace nat::check::stun
