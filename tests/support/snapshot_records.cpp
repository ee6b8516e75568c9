#include "tests/support/snapshot_records.h"

namespace nat::test {
namespace {

constexpr std::size_t kHeader = 48;

// False for a kind that has no record.
bool skip(SnapshotReader& in, SnapshotRecord kind) {
  switch (kind) {
    case SnapshotRecord::host:
      read_host(in);
      return true;
    case SnapshotRecord::block:
      read_block(in);
      return true;
    case SnapshotRecord::mapping:
      read_mapping(in);
      return true;
    case SnapshotRecord::session:
      read_session(in);
      return true;
    case SnapshotRecord::quarantine:
      read_quarantine(in);
      return true;
    case SnapshotRecord::counters:
      read_counters(in);
      return true;
    case SnapshotRecord::header:
    case SnapshotRecord::end:
      break;
  }
  return false;
}

}  // namespace

std::vector<Octets> records_of(std::span<const std::uint8_t> snapshot) {
  std::vector<Octets> records;
  if (snapshot.size() < kHeader) return records;
  records.emplace_back(snapshot.begin(), snapshot.begin() + kHeader);
  for (std::span<const std::uint8_t> rest = snapshot.subspan(kHeader); !rest.empty();) {
    SnapshotReader in(rest);
    if (!skip(in, in.take_enum(SnapshotRecord::end)) || in.failed()) break;
    records.emplace_back(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(in.at()));
    rest = rest.subspan(in.at());
  }
  return records;
}

Octets sealed(const std::vector<Octets>& records) {
  Octets snapshot;
  SnapshotChecksum checksum;
  for (const Octets& record : records) {
    checksum.add(record);
    snapshot.insert(snapshot.end(), record.begin(), record.end());
  }
  SnapshotWriter end;
  end.begin(SnapshotRecord::end);
  end.put(std::uint64_t{records.size()});
  end.put(checksum.value());
  snapshot.insert(snapshot.end(), end.octets().begin(), end.octets().end());
  return snapshot;
}

}  // namespace nat::test
