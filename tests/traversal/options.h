// The command lines of natpunch, turned into settings. Every refusal is a UsageError that says what would be
// right.
#pragma once

#include "tests/natcheck/options.h"
#include "tests/traversal/settings.h"

namespace nat::traversal {

inline constexpr std::uint16_t kDefaultPort = 7485;

// Where the server listens.
Endpoint server_options(const check::Arguments& arguments);
PeerSettings peer_options(const check::Arguments& arguments);

// What --help prints.
std::string usage();

}  // namespace nat::traversal
