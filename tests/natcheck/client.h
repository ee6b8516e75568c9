// One run of the procedure on this host.
#pragma once

#include "tests/natcheck/options.h"
#include "tests/natcheck/report.h"

namespace nat::check {

// Runs what was asked for; throws SetupError where the local ports cannot be had.
Report run_client(const ClientOptions& options);

// A local port number whose next `others` numbers exist too, at random, below the ports that the kernel hands
// out.
std::uint16_t random_port();

}  // namespace nat::check
