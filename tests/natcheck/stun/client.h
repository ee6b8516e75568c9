// One run of the procedure of RFC 5780 on this host.
#pragma once

#include "tests/natcheck/stun/options.h"
#include "tests/natcheck/stun/report.h"

namespace nat::check::stun {

// Runs what was asked for; throws SetupError where local ports cannot be had.
Report run_client(const ClientOptions& options);

}  // namespace nat::check::stun
