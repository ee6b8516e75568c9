// What a host may have of the tables (RFC 6888 REQ-4), judged from what it has. Each function says the reason
// to refuse one more, or nothing.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "filtering/limits.h"
#include "translation/base/timer_wheel.h"
#include "translation/net/reason.h"

namespace nat {

// What a host has.
struct HostUsage {
  std::uint32_t mappings = 0;
  std::uint32_t mappings_of_protocol = 0;
  std::uint32_t sessions = 0;
};

constexpr std::optional<Reason> mapping_quota(const HostUsage& usage, const Limits& limits,
                                              Protocol protocol) {
  if (usage.mappings >= limits.mappings_per_host ||
      usage.mappings_of_protocol >= limits.mappings_per_host_of(protocol)) {
    return Reason::host_mapping_limit;
  }
  return std::nullopt;
}

// Live sessions: those of a mapping, those of a host, or all.
struct SessionUsage {
  std::uint32_t all = 0;
  std::uint32_t unconfirmed = 0;  // of them, those made by inbound packets only
};

// Whether there is no room for one more where `most` are allowed. What comes from outside may take half of
// that, so that remotes shut no host out.
constexpr bool sessions_full(const SessionUsage& usage, std::uint32_t most, bool from_outside) {
  return usage.all >= most || (from_outside && usage.unconfirmed >= (most + 1) / 2);
}

// A leaky bucket of new mappings: so many a second are paid for by time, and a second's worth may be owed.
struct CreationDebt {
  std::uint32_t tenths = 0;  // of mappings that time has not paid for yet, as of the tick
  Tick as_of = 0;

  std::uint32_t at(Tick now, std::uint32_t rate) const {
    const std::uint64_t paid = std::uint64_t{now - as_of} * rate;
    return paid >= tenths ? 0 : tenths - static_cast<std::uint32_t>(paid);
  }
  // `rate` 0 is no limit.
  bool allows(Tick now, std::uint32_t rate) const {
    return rate == 0 || at(now, rate) + kTicksPerSecond <= std::uint64_t{rate} * kTicksPerSecond;
  }
  void charge(Tick now, std::uint32_t rate) {
    if (rate == 0) return;
    tenths = at(now, rate) + kTicksPerSecond;
    as_of = now;
  }
};

}  // namespace nat
