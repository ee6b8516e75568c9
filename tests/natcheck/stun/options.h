// The command lines of `natcheck stun` and `natcheck stun-server`, turned into settings. Every refusal is a
// UsageError that says what would be right.
#pragma once

#include "tests/natcheck/options.h"
#include "tests/natcheck/stun/reply.h"
#include "tests/natcheck/stun/settings.h"

namespace nat::check::stun {

inline constexpr std::uint16_t kDefaultPort = 3478;

struct ClientOptions {
  Settings settings;
  bool udp = true;
  bool tcp = true;
  bool json = false;
};

ClientOptions client_options(const Arguments& arguments);
Layout server_options(const Arguments& arguments);

// Their part of --help.
std::string usage();

}  // namespace nat::check::stun
