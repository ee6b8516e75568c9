// A snapshot taken apart into its records, so that a test can change what the checksum guards and guard it
// anew.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tests/support/octets.h"
#include "translation/state/snapshot_format.h"

namespace nat::test {

// The header first, then every record that can be read, its kind in front; the end is none of them.
std::vector<Octets> records_of(std::span<const std::uint8_t> snapshot);
// These records as a snapshot, with the end that belongs to them.
Octets sealed(const std::vector<Octets>& records);

// A record as its writer has it.
template <typename Saved>
Octets record_of(const Saved& saved) {
  SnapshotWriter out;
  write(out, saved);
  return out.octets();
}

}  // namespace nat::test
