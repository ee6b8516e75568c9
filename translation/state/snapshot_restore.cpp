#include <algorithm>
#include <set>
#include <tuple>
#include <unordered_map>

#include "translation/state/lifecycle.h"
#include "translation/state/snapshot.h"
#include "translation/state/snapshot_format.h"

namespace nat {

const char* to_string(SnapshotError error) {
  switch (error) {
    case SnapshotError::no_snapshot:
      return "it is no snapshot of natd";
    case SnapshotError::other_version:
      return "it is of another version of natd";
    case SnapshotError::damaged:
      return "it is damaged";
    case SnapshotError::other_clock:
      return "it is of another boot of the machine";
    case SnapshotError::in_use:
      return "there are mappings already";
  }
  return "unknown";
}

namespace {

struct Content {
  std::int64_t epoch = 0, written = 0;
  std::uint64_t event = 0, next_id = 1;
  std::vector<SavedHost> hosts;
  std::vector<SavedBlock> blocks;
  std::vector<SavedMapping> mappings;
  std::vector<SavedSession> sessions;
  std::vector<SavedQuarantine> quarantine;
  Counters counters;
};

std::optional<SnapshotError> read_header(SnapshotReader& in, Content& content) {
  if (in.take<std::uint64_t>() != kSnapshotMagic) return SnapshotError::no_snapshot;
  if (in.take<std::uint32_t>() != kSnapshotVersion) return SnapshotError::other_version;
  if (in.take<std::uint32_t>() != kReasonCount) return SnapshotError::other_version;
  content.epoch = in.take<std::int64_t>();
  content.written = in.take<std::int64_t>();
  content.event = in.take<std::uint64_t>();
  content.next_id = in.take<std::uint64_t>();
  if (in.failed()) return SnapshotError::damaged;
  return std::nullopt;
}

// Reads one record behind its kind. False for a kind that is none.
bool read_record(SnapshotReader& in, SnapshotRecord kind, Content& content) {
  switch (kind) {
    case SnapshotRecord::host:
      content.hosts.push_back(read_host(in));
      return true;
    case SnapshotRecord::block:
      content.blocks.push_back(read_block(in));
      return true;
    case SnapshotRecord::mapping:
      content.mappings.push_back(read_mapping(in));
      return true;
    case SnapshotRecord::session:
      content.sessions.push_back(read_session(in));
      return true;
    case SnapshotRecord::quarantine:
      content.quarantine.push_back(read_quarantine(in));
      return true;
    case SnapshotRecord::counters:
      content.counters = read_counters(in);
      return true;
    case SnapshotRecord::header:
    case SnapshotRecord::end:
      break;
  }
  return false;
}

std::optional<SnapshotError> read_content(std::span<const std::uint8_t> octets, Content& content) {
  SnapshotReader in(octets);
  if (const auto error = read_header(in, content)) return error;
  SnapshotChecksum checksum;
  checksum.add(octets.first(in.at()));
  std::uint64_t records = 1;
  for (;;) {
    const std::size_t begin = in.at();
    const auto kind = in.take_enum(SnapshotRecord::end);
    if (in.failed()) return SnapshotError::damaged;
    if (kind == SnapshotRecord::end) break;
    if (!read_record(in, kind, content) || in.failed()) return SnapshotError::damaged;
    checksum.add(octets.subspan(begin, in.at() - begin));
    ++records;
  }
  const bool whole = in.take<std::uint64_t>() == records && in.take<std::uint64_t>() == checksum.value();
  if (!whole || in.failed() || !in.at_end()) return SnapshotError::damaged;
  return std::nullopt;
}

// Whether two mappings are one, or one has a number of the future.
bool contradicts_itself(const Content& content) {
  std::set<MappingId> ids;
  std::set<std::pair<Protocol, Endpoint>> externals;
  std::set<std::tuple<Protocol, Endpoint, Behavior, Endpoint>> internals;
  for (const SavedMapping& saved : content.mappings) {
    const Mapping& m = saved.mapping;
    if (m.id >= content.next_id || !ids.insert(m.id).second) return true;
    if (!m.shares && !externals.insert({m.protocol, m.external}).second) return true;
    if (m.origin != Origin::dynamic) continue;
    if (!internals.insert({m.protocol, m.internal, m.behavior, m.remote}).second) return true;
  }
  return content.next_id == 0;
}

// Puts what was read into empty tables.
class Restorer {
 public:
  Restorer(State& state, Lifecycle& lifecycle) : state_(state), lifecycle_(lifecycle) {}

  Restored run(Content& content) {
    // The ticks of deadlines go on where they were.
    state_.epoch = TimePoint(Duration(content.epoch));
    state_.next_id = std::max(state_.next_id, content.next_id);
    for (const SavedMapping& saved : content.mappings) count(restored_.mappings, mapping(saved));
    for (const SavedHost& saved : content.hosts) host(saved);
    for (const SavedBlock& saved : content.blocks) count(ignored_, block(saved));
    // Dormant ones in the order in which they became so.
    std::stable_sort(content.sessions.begin(), content.sessions.end(), [](const auto& a, const auto& b) {
      return a.session.dormant && b.session.dormant ? a.session.deadline < b.session.deadline
                                                    : a.session.live && b.session.dormant;
    });
    for (const SavedSession& saved : content.sessions) count(restored_.sessions, session(saved));
    for (const SavedQuarantine& saved : content.quarantine) {
      lifecycle_.quarantine({saved.protocol, saved.external, saved.owner, TimePoint(Duration(saved.until))});
    }
    state_.counters = content.counters;
    end_unused();
    return restored_;
  }

 private:
  void count(std::uint32_t& sum, bool fits) { ++(fits ? sum : restored_.left_out); }
  bool mapping(const SavedMapping& saved);
  void host(const SavedHost& saved);
  bool block(const SavedBlock& saved);
  bool session(const SavedSession& saved);
  void end_unused();

  State& state_;
  Lifecycle& lifecycle_;
  Restored restored_;
  std::uint32_t ignored_ = 0;
  std::unordered_map<MappingId, std::uint32_t> numbers_;
};

bool Restorer::mapping(const SavedMapping& saved) {
  Mapping m = saved.mapping;
  const auto index = state_.pool.index_of(m.external.address);
  if (!index || state_.live_mappings >= state_.policy.limits.mappings || state_.mappings.full()) return false;
  const bool taken = state_.mappings.find_external(m.protocol, m.external) != kNone;
  if (taken && !m.shares) return false;
  const std::uint32_t host = lifecycle_.host_for(m.internal.address);
  if (host == kNone) return false;
  if (!m.shares && !state_.pool[*index].of(m.protocol).take_explicit(m.external.port)) {
    lifecycle_.release_host(host);
    return false;
  }
  m.host = host;
  m.profile = state_.profiles.find(m.protocol, m.internal, m.remote_port);
  const std::uint32_t number = lifecycle_.adopt_mapping(m);
  numbers_[m.id] = number;
  if (m.origin == Origin::dynamic) return true;
  StaticMapping fixed = saved.fixed;
  fixed.mapping = number;
  state_.statics[m.id] = fixed;
  if (m.origin == Origin::leased) state_.leases.insert(number, m.lease_end);
  return true;
}

void Restorer::host(const SavedHost& saved) {
  const std::uint32_t host = state_.hosts.find(saved.address);
  if (host == kNone) return;
  if (state_.is_external(saved.external)) state_.hosts[host].external = saved.external;
  state_.hosts[host].debt = saved.debt;
}

bool Restorer::block(const SavedBlock& saved) {
  return state_.hosts.find(saved.host) != kNone &&
         state_.pool.blocks().claim(saved.external, saved.first, saved.host);
}

bool Restorer::session(const SavedSession& saved) {
  const auto found = numbers_.find(saved.mapping);
  if (found == numbers_.end() || state_.sessions.full()) return false;
  const Mapping& m = state_.mappings[found->second];
  const Endpoint remote = saved.session.remote();
  if (state_.sessions.find_outbound({m.protocol, m.internal, remote}) != kNone ||
      state_.sessions.find_inbound({m.protocol, m.external, remote}) != kNone) {
    return false;
  }
  if (saved.session.live && state_.live_sessions >= state_.policy.limits.sessions) return false;
  lifecycle_.adopt_session(found->second, saved.session);
  return true;
}

// A dynamic mapping whose sessions were all left out has nothing to end it.
void Restorer::end_unused() {
  for (const auto& [id, number] : numbers_) {
    const Mapping& m = state_.mappings[number];
    if (m.origin != Origin::dynamic || m.confirmed.count > 0) continue;
    lifecycle_.end_mapping(number, RemovalCause::expired);
    --restored_.mappings;
    ++restored_.left_out;
  }
}

}  // namespace

RestoreResult restore_snapshot(std::span<const std::uint8_t> snapshot, State& state, Lifecycle& lifecycle) {
  if (state.mappings.used() > 0) return SnapshotError::in_use;
  Content content;
  if (const auto error = read_content(snapshot, content)) return *error;
  if (contradicts_itself(content)) return SnapshotError::damaged;
  if (content.epoch > content.written || content.written > state.now.time_since_epoch().count()) {
    return SnapshotError::other_clock;
  }
  return Restorer(state, lifecycle).run(content);
}

}  // namespace nat
