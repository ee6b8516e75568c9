#include "translation/state/snapshot.h"
#include "translation/state/snapshot_format.h"

namespace nat {
namespace {

enum Stage : std::uint32_t { kHeader, kHosts, kMappings, kSessions, kQuarantine, kCounters, kEnd };

// Writes the records of one call, each with what it costs.
class Saver {
 public:
  Saver(const State& state, SnapshotCursor& cursor, unsigned budget, const SnapshotSink& sink)
      : state_(state), cursor_(cursor), budget_(budget), sink_(sink) {}

  void run() {
    while (state_.work.records < budget_ && step()) {
    }
  }

 private:
  // False when all is written.
  bool step();
  void next_stage() {
    ++cursor_.stage;
    cursor_.at = 0;
  }
  void header();
  void host(std::uint32_t number);
  void mapping(std::uint32_t number);
  void session(std::uint32_t number);
  void quarantine();
  void emit(SnapshotWriter& out);

  const State& state_;
  SnapshotCursor& cursor_;
  const unsigned budget_;
  const SnapshotSink& sink_;
};

bool Saver::step() {
  const auto number = static_cast<std::uint32_t>(cursor_.at++);
  state_.count_work();
  switch (cursor_.stage) {
    case kHeader:
      header();
      next_stage();
      return true;
    case kHosts:
      number < state_.hosts.high_water() ? host(number) : next_stage();
      return true;
    case kMappings:
      number < state_.mappings.high_water() ? mapping(number) : next_stage();
      return true;
    case kSessions:
      number < state_.sessions.high_water() ? session(number) : next_stage();
      return true;
    case kQuarantine:
      --cursor_.at;
      quarantine();
      return true;
    case kCounters: {
      SnapshotWriter out;
      write(out, state_.counters);
      emit(out);
      next_stage();
      return true;
    }
    default:
      break;
  }
  SnapshotWriter out;
  out.begin(SnapshotRecord::end);
  out.put(cursor_.records);
  out.put(cursor_.checksum);
  sink_(out.octets());
  cursor_ = {};
  return false;
}

void Saver::emit(SnapshotWriter& out) {
  SnapshotChecksum checksum(cursor_.checksum);
  checksum.add(out.octets());
  cursor_.checksum = checksum.value();
  ++cursor_.records;
  sink_(out.octets());
}

void Saver::header() {
  SnapshotWriter out;
  out.put(kSnapshotMagic);
  out.put(kSnapshotVersion);
  out.put(static_cast<std::uint32_t>(kReasonCount));
  out.put(state_.epoch.time_since_epoch().count());
  out.put(state_.now.time_since_epoch().count());
  out.put(state_.events.last_number());
  out.put(state_.next_id);
  emit(out);
}

void Saver::host(std::uint32_t number) {
  const HostRecord& record = state_.hosts[number];
  if (record.records == 0 || state_.hosts.find(record.address) != number) return;
  SnapshotWriter out;
  write(out, SavedHost{record.address, record.external, record.debt});
  emit(out);
  const PortBlocks& blocks = state_.pool.blocks();
  if (!blocks.on()) return;
  for (const PortBlock& extra : blocks.extras_of(record.address)) {
    SnapshotWriter block;
    write(block, SavedBlock{extra.external, record.address, extra.ports.first});
    emit(block);
  }
}

void Saver::mapping(std::uint32_t number) {
  const Mapping& m = state_.mappings[number];
  if (!m.live || !state_.valid(m)) return;
  SavedMapping saved{m, {}};
  if (m.origin != Origin::dynamic) saved.fixed = state_.statics.at(m.id);
  SnapshotWriter out;
  write(out, saved);
  emit(out);
}

void Saver::session(std::uint32_t number) {
  const Session& s = state_.sessions[number];
  if ((!s.live && !s.dormant) || !state_.valid(state_.mappings[s.mapping])) return;
  SnapshotWriter out;
  write(out, SavedSession{state_.mappings[s.mapping].id, s});
  emit(out);
}

// 64 ports of one protocol and address at a time.
void Saver::quarantine() {
  constexpr std::uint64_t kGroups = 65536 / 64;
  const std::uint64_t pool = cursor_.at / kGroups;
  if (pool >= state_.pool.addresses().size() * std::size(kProtocols)) return next_stage();
  const PoolAddress& address = state_.pool.addresses()[pool / std::size(kProtocols)];
  const Protocol protocol = kProtocols[pool % std::size(kProtocols)];
  const PortPool& ports = address.of(protocol);
  if (ports.quarantined() == 0) {
    cursor_.at = (pool + 1) * kGroups;
    return;
  }
  const std::uint64_t first = cursor_.at++ % kGroups * 64;
  for (std::uint64_t port = first; port < first + 64; ++port) {
    const auto number = static_cast<std::uint16_t>(port);
    const auto owner = ports.quarantined_owner(number);
    if (!owner) continue;
    SnapshotWriter out;
    write(out, SavedQuarantine{protocol,
                               {address.address, number},
                               *owner,
                               ports.quarantine_end(number).time_since_epoch().count()});
    emit(out);
  }
}

}  // namespace

void save_snapshot(const State& state, SnapshotCursor& cursor, unsigned budget, const SnapshotSink& sink) {
  Saver(state, cursor, budget, sink).run();
}

}  // namespace nat
