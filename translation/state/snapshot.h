// All that makes a difference after a restart, as octets: mappings, sessions and dormant remotes with their
// TCP tracks and deadlines, leases and static mappings, hosts and their extra blocks of ports, ports in
// quarantine, counters. Fragments and SYNs that wait for seconds only are not in it, nor is the policy.
//
// A snapshot is for the same version of its format, the same clock and the same byte order; one of another
// version, or one that is damaged, is refused with a reason, and nothing of it is used. What no longer fits
// the policy (an address that left the pool, a lower limit) is left out and counted.
//
// Written in pieces, it is true of one instant only if nothing else was done with the engine in between; else
// a session may be there without its mapping, which restore() leaves out. `event` of the header is the number
// of the last event before the first piece, from which a reader of events can go on.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <variant>

#include "translation/base/time.h"

namespace nat {

class Lifecycle;
struct State;

struct SnapshotCursor {
  std::uint32_t stage = 0;
  std::uint64_t at = 0;
  std::uint64_t records = 0;
  std::uint64_t checksum = 0;

  bool at_begin() const { return stage == 0 && at == 0; }
};

using SnapshotSink = std::function<void(std::span<const std::uint8_t>)>;

inline constexpr std::uint32_t kSnapshotVersion = 2;

enum class SnapshotError : std::uint8_t {
  no_snapshot,    // it does not begin as one
  other_version,  // of the format
  damaged,        // cut off, changed, or contradicting itself
  other_clock,    // from the future of this clock
  in_use          // the engine has mappings already
};
const char* to_string(SnapshotError error);

struct Restored {
  std::uint32_t mappings = 0;
  std::uint32_t sessions = 0;  // dormant ones included
  std::uint32_t left_out = 0;  // records that no longer fit
};

using RestoreResult = std::variant<Restored, SnapshotError>;

// Engine::save and Engine::restore.
void save_snapshot(const State& state, SnapshotCursor& cursor, unsigned budget, const SnapshotSink& sink);
RestoreResult restore_snapshot(std::span<const std::uint8_t> snapshot, State& state, Lifecycle& lifecycle);

}  // namespace nat
