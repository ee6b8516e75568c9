#include <algorithm>
#include <set>
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

// Beyond this nothing is left for what is yet to come: numbers of mappings, and ticks since the epoch.
constexpr std::uint64_t kMostIds = std::uint64_t{1} << 63;
constexpr std::int64_t kMostMilliseconds = (std::int64_t{1} << 31) * kTickMilliseconds;

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

// Whether two mappings have one number or one external endpoint, or one has a number of the future. Two may
// have one internal endpoint: those that were leased for it go on as dynamic ones.
bool contradicts_itself(const Content& content) {
  std::set<MappingId> ids;
  std::set<std::pair<Protocol, Endpoint>> externals;
  for (const SavedMapping& saved : content.mappings) {
    const Mapping& m = saved.mapping;
    if (m.id >= content.next_id || !ids.insert(m.id).second) return true;
    if (!m.shares && !externals.insert({m.protocol, m.external}).second) return true;
  }
  return content.next_id == 0 || content.next_id > kMostIds;
}

// Whether the snapshot is from the past of this clock, and near enough for its ticks.
bool of_this_clock(const Content& content, TimePoint now) {
  const std::int64_t at = now.time_since_epoch().count();
  return content.epoch >= 0 && content.epoch <= content.written && content.written <= at &&
         at - content.epoch <= kMostMilliseconds;
}

// Puts what was read into empty tables.
class Restorer {
 public:
  Restorer(State& state, Lifecycle& lifecycle) : state_(state), lifecycle_(lifecycle) {}

  Restored run(Content& content) {
    // The ticks of deadlines go on where they were.
    state_.epoch = TimePoint(Duration(content.epoch));
    state_.wheel.restart(state_.tick());
    state_.leases.restart(state_.tick());
    state_.next_id = std::max(state_.next_id, content.next_id);
    for (const SavedMapping& saved : content.mappings) count(restored_.mappings, mapping(saved));
    for (const SavedHost& saved : content.hosts) host(saved);
    for (const SavedBlock& saved : content.blocks) count(ignored_, block(saved));
    end_outside_blocks();
    // Dormant ones in the order in which they became so.
    std::stable_sort(content.sessions.begin(), content.sessions.end(), [](const auto& a, const auto& b) {
      return a.session.dormant && b.session.dormant ? a.session.deadline < b.session.deadline
                                                    : a.session.live && b.session.dormant;
    });
    for (const SavedSession& saved : content.sessions) count(restored_.sessions, session(saved));
    for (const SavedQuarantine& saved : content.quarantine) quarantine(saved);
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
  void quarantine(const SavedQuarantine& saved);
  void end_outside_blocks();
  void end_unused();
  void end(std::uint32_t mapping, RemovalCause cause);

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

// A port outside of the ranges rests as well, should it come back into them.
void Restorer::quarantine(const SavedQuarantine& saved) {
  const std::uint16_t port = saved.external.port;
  const TimePoint until(Duration(saved.until));
  const auto index = state_.pool.index_of(saved.external.address);
  if (!index || port == 0 || until <= state_.now) return;
  PortPool& ports = state_.pool[*index].of(saved.protocol);
  if (ports.quarantined_owner(port) || !ports.take_explicit(port)) return;
  state_.pool.release(*index, saved.protocol, port, saved.owner, until, state_.now);
}

// A dynamic mapping keeps to its host's blocks, which may be others now.
void Restorer::end_outside_blocks() {
  std::erase_if(numbers_, [&](const auto& known) {
    const Mapping& m = state_.mappings[known.second];
    const bool fits =
        m.origin != Origin::dynamic || m.shares || state_.pool.may_keep(m.external, m.internal.address);
    if (!fits) end(known.second, RemovalCause::address_lost);
    return !fits;
  });
}

// A dynamic mapping whose sessions were all left out has nothing to end it.
void Restorer::end_unused() {
  for (const auto& [id, number] : numbers_) {
    const Mapping& m = state_.mappings[number];
    if (m.origin == Origin::dynamic && m.confirmed.count == 0) end(number, RemovalCause::expired);
  }
}

void Restorer::end(std::uint32_t mapping, RemovalCause cause) {
  const Mapping& m = state_.mappings[mapping];
  const std::uint32_t sessions = m.unconfirmed.count + m.dormant.count;
  lifecycle_.end_mapping(mapping, cause);
  --restored_.mappings;
  restored_.sessions -= sessions;
  restored_.left_out += 1 + sessions;
}

}  // namespace

RestoreResult restore_snapshot(std::span<const std::uint8_t> snapshot, State& state, Lifecycle& lifecycle) {
  if (state.mappings.used() > 0) return SnapshotError::in_use;
  Content content;
  if (const auto error = read_content(snapshot, content)) return *error;
  if (contradicts_itself(content)) return SnapshotError::damaged;
  if (!of_this_clock(content, state.now)) return SnapshotError::other_clock;
  return Restorer(state, lifecycle).run(content);
}

}  // namespace nat
