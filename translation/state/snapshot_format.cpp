#include "translation/state/snapshot_format.h"

#include <algorithm>
#include <array>

namespace nat {
namespace {

static_assert(sizeof(TcpTrack) == 16,
              "a new field of the TCP track belongs into put_track() and take_track()");

void put_track(SnapshotWriter& out, const TcpTrack& track) {
  out.put(static_cast<std::uint8_t>(track.state));
  out.put(static_cast<std::uint8_t>(track.acknowledged | track.edge_known << 2 | track.syn_waits << 4));
  out.put(static_cast<std::uint8_t>(track.scale_internal));
  out.put(static_cast<std::uint8_t>(track.scale_external));
  out.put(static_cast<std::uint8_t>(track.scale_waiting));
  out.put(track.syn_sequence);
  for (const std::uint32_t edge : track.edge) out.put(edge);
}

TcpTrack take_track(SnapshotReader& in) {
  TcpTrack track;
  track.state = in.take_enum(SessionState::closed);
  const auto sides = in.take<std::uint8_t>();
  track.acknowledged = sides & 3U;
  track.edge_known = (sides >> 2) & 3U;
  track.syn_waits = (sides >> 4) & 3U;
  const auto internal = in.take<std::uint8_t>();
  const auto external = in.take<std::uint8_t>();
  const auto waiting = in.take<std::uint8_t>();
  track.scale_internal = internal & 15U;
  track.scale_external = external & 15U;
  track.scale_waiting = waiting & 15U;
  if (sides >= 64 || std::max({internal, external, waiting}) > 15 || track.syn_waits == 3) in.fail();
  track.syn_sequence = in.take<std::uint32_t>();
  for (std::uint32_t& edge : track.edge) edge = in.take<std::uint32_t>();
  return track;
}

// An address that a mapping can be for.
Address take_host(SnapshotReader& in) {
  const Address host(in.take<std::uint32_t>());
  if (host.unspecified() || host.multicast() || host.broadcast() || host.loopback()) in.fail();
  return host;
}

bool printable(std::string_view name) {
  return std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

enum Flag : std::uint8_t { kLive = 1, kDormant = 2, kConfirmed = 4, kFromOutside = 8, kEstablished = 16 };

std::uint8_t flags_of(const Session& session) {
  return static_cast<std::uint8_t>(
      (session.live ? kLive : 0) | (session.dormant ? kDormant : 0) | (session.confirmed ? kConfirmed : 0) |
      (session.from_outside ? kFromOutside : 0) | (session.established ? kEstablished : 0));
}

}  // namespace

Protocol SnapshotReader::take_protocol() {
  const auto protocol = protocol_of(take<std::uint8_t>());
  if (!protocol) failed_ = true;
  return protocol.value_or(Protocol::udp);
}

void write(SnapshotWriter& out, const SavedHost& host) {
  out.begin(SnapshotRecord::host);
  out.put(host.address.value());
  out.put(host.external.value());
  out.put(host.debt.tenths);
  out.put(host.debt.as_of);
}

SavedHost read_host(SnapshotReader& in) {
  SavedHost host;
  host.address = take_host(in);
  host.external = Address(in.take<std::uint32_t>());
  host.debt.tenths = in.take<std::uint32_t>();
  host.debt.as_of = in.take<std::uint32_t>();
  return host;
}

void write(SnapshotWriter& out, const SavedBlock& block) {
  out.begin(SnapshotRecord::block);
  out.put(block.external.value());
  out.put(block.host.value());
  out.put(block.first);
}

SavedBlock read_block(SnapshotReader& in) {
  SavedBlock block;
  block.external = Address(in.take<std::uint32_t>());
  block.host = take_host(in);
  block.first = in.take<std::uint16_t>();
  return block;
}

void write(SnapshotWriter& out, const SavedMapping& saved) {
  const Mapping& m = saved.mapping;
  out.begin(SnapshotRecord::mapping);
  out.put(m.id);
  out.put(static_cast<std::uint8_t>(m.protocol));
  out.put(static_cast<std::uint8_t>(m.origin));
  out.put(static_cast<std::uint8_t>(m.behavior));
  out.put(static_cast<std::uint8_t>(m.shares ? 1 : 0));
  out.put(m.internal);
  out.put(m.external);
  out.put(m.remote);
  out.put(m.remote_port);
  out.put(m.lease_end);
  if (m.origin == Origin::dynamic) return;
  out.put(saved.fixed.owner);
  out.put(saved.fixed.filter.address.network().value());
  out.put(static_cast<std::uint8_t>(saved.fixed.filter.address.length()));
  out.put(saved.fixed.filter.ports.first);
  out.put(saved.fixed.filter.ports.last);
  const std::string_view name = saved.fixed.name.text();
  out.put(static_cast<std::uint8_t>(name.size()));
  for (const char c : name) out.put(static_cast<std::uint8_t>(c));
}

SavedMapping read_mapping(SnapshotReader& in) {
  SavedMapping saved;
  Mapping& m = saved.mapping;
  m.id = in.take<std::uint64_t>();
  m.protocol = in.take_protocol();
  m.origin = in.take_enum(Origin::leased);
  m.behavior = in.take_enum(Behavior::address_and_port_dependent);
  m.shares = in.take<std::uint8_t>() != 0;
  m.internal.address = take_host(in);
  m.internal.port = in.take<std::uint16_t>();
  m.external = in.take_endpoint();
  m.remote = in.take_endpoint();
  m.remote_port = in.take<std::uint16_t>();
  m.lease_end = in.take<std::uint32_t>();
  if (m.id == 0 || m.external.port == 0 || m.remote != trim(m.behavior, m.remote)) in.fail();
  if (m.origin == Origin::dynamic || in.failed()) return saved;
  if (m.behavior != Behavior::endpoint_independent || m.shares || m.protocol == Protocol::icmp ||
      m.internal.port == 0) {
    in.fail();
  }
  saved.fixed.owner = in.take<std::uint64_t>();
  const Address network(in.take<std::uint32_t>());
  const auto length = in.take<std::uint8_t>();
  if (length > 32) {
    in.fail();
    return saved;
  }
  saved.fixed.filter.address = Prefix(network, length);
  saved.fixed.filter.ports.first = in.take<std::uint16_t>();
  saved.fixed.filter.ports.last = in.take<std::uint16_t>();
  std::array<char, MappingName::kLongest> name{};
  const auto letters = in.take<std::uint8_t>();
  if (letters > name.size()) {
    in.fail();
    return saved;
  }
  for (std::size_t i = 0; i < letters; ++i) name[i] = static_cast<char>(in.take<std::uint8_t>());
  saved.fixed.name = MappingName({name.data(), letters});
  if (!printable(saved.fixed.name.text())) in.fail();
  return saved;
}

void write(SnapshotWriter& out, const SavedSession& saved) {
  const Session& s = saved.session;
  out.begin(SnapshotRecord::session);
  out.put(saved.mapping);
  out.put(s.remote());
  out.put(flags_of(s));
  out.put(s.deadline);
  put_track(out, s.tcp);
  out.put(s.sent_bytes);
  out.put(s.received_bytes);
}

SavedSession read_session(SnapshotReader& in) {
  SavedSession saved;
  Session& s = saved.session;
  saved.mapping = in.take<std::uint64_t>();
  const Endpoint remote = in.take_endpoint();
  s.remote_address = remote.address;
  s.remote_port = remote.port;
  const auto flags = in.take<std::uint8_t>();
  s.live = (flags & kLive) != 0;
  s.dormant = (flags & kDormant) != 0;
  s.confirmed = (flags & kConfirmed) != 0;
  s.from_outside = (flags & kFromOutside) != 0;
  s.established = (flags & kEstablished) != 0;
  if (s.live == s.dormant || (flags & 0xe0) != 0) in.fail();
  s.deadline = in.take<std::uint32_t>();
  s.tcp = take_track(in);
  s.sent_bytes = in.take<std::uint64_t>();
  s.received_bytes = in.take<std::uint64_t>();
  return saved;
}

void write(SnapshotWriter& out, const SavedQuarantine& quarantine) {
  out.begin(SnapshotRecord::quarantine);
  out.put(static_cast<std::uint8_t>(quarantine.protocol));
  out.put(quarantine.external);
  out.put(quarantine.owner);
  out.put(quarantine.until);
}

SavedQuarantine read_quarantine(SnapshotReader& in) {
  SavedQuarantine quarantine;
  quarantine.protocol = in.take_protocol();
  quarantine.external = in.take_endpoint();
  quarantine.owner = in.take_endpoint();
  quarantine.until = in.take<std::int64_t>();
  return quarantine;
}

void write(SnapshotWriter& out, const Counters& counters) {
  out.begin(SnapshotRecord::counters);
  for (const auto& sides : counters.reasons) {
    for (const Counters::Count& count : sides) {
      out.put(count.packets);
      out.put(count.bytes);
    }
  }
  for (const std::uint64_t number :
       {counters.mappings_created, counters.mappings_removed, counters.sessions_created,
        counters.sessions_removed, counters.passed_without_session, counters.icmp_errors_made,
        counters.icmp_errors_suppressed, counters.syns_not_held}) {
    out.put(number);
  }
}

Counters read_counters(SnapshotReader& in) {
  Counters counters;
  for (auto& sides : counters.reasons) {
    for (Counters::Count& count : sides) {
      count.packets = in.take<std::uint64_t>();
      count.bytes = in.take<std::uint64_t>();
    }
  }
  for (std::uint64_t* number :
       {&counters.mappings_created, &counters.mappings_removed, &counters.sessions_created,
        &counters.sessions_removed, &counters.passed_without_session, &counters.icmp_errors_made,
        &counters.icmp_errors_suppressed, &counters.syns_not_held}) {
    *number = in.take<std::uint64_t>();
  }
  return counters;
}

}  // namespace nat
