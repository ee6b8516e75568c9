// Where a mapping comes from, and what it ended of.
#pragma once

#include <cstdint>

namespace nat {

// Made by traffic; asked for by the operator, for as long as he wants; asked for by a host or a program, for
// a time.
enum class Origin : std::uint8_t { dynamic, configured, leased };
const char* to_string(Origin origin);

// `misbehaved`: a laboratory wanted it so (translation/policy/misbehavior.h).
enum class RemovalCause : std::uint8_t { expired, flushed, deleted, address_lost, misbehaved };
const char* to_string(RemovalCause cause);

}  // namespace nat
