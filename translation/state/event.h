// What happens in the engine, as one stream of numbered plain values. Two rings keep its end: one what
// happens to mappings, sessions and blocks of ports, one the packets that are dropped, so that a flood of
// these cannot push out the others. Numbers are common to both and grow by one; who reads both puts them in
// order by them.
//
// Who misses something in a ring (Ring::read says how much) looks at the tables anew: Engine::visit_mappings
// and visit_sessions, or a snapshot.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "filtering/behavior.h"
#include "translation/base/ring.h"
#include "translation/base/time.h"
#include "translation/net/reason.h"
#include "translation/policy/profile.h"
#include "translation/state/origin.h"
#include "translation/state/tcp_track.h"
#include "translation/state/view.h"

namespace nat {

// `session_*` are written only while a reader follows sessions (Events::follow_sessions).
enum class EventKind : std::uint8_t {
  mapping_made,
  mapping_changed,  // its origin, its name or the end of its lease
  mapping_ended,
  session_opened,
  session_established,  // TCP: both sides have acknowledged; else the first packet of the other side
  session_changed,      // TCP: a side has closed or reset it, or it began anew
  session_ended,
  block_given,     // an extra block of ports, to `internal`
  block_returned,  // from `internal`
};
const char* to_string(EventKind kind);

// The name of a static mapping; at most 32 characters.
class MappingName {
 public:
  static constexpr std::size_t kLongest = 32;
  MappingName() = default;
  // What is longer is cut off.
  explicit MappingName(std::string_view text);
  std::string_view text() const { return {characters_.data(), length_}; }
  bool operator==(const MappingName&) const = default;

 private:
  std::array<char, kLongest> characters_{};
  std::uint8_t length_ = 0;
};

struct Event {
  std::uint64_t number = 0;
  TimePoint at{};
  EventKind kind = EventKind::mapping_made;
  Protocol protocol = Protocol::udp;
  Origin origin = Origin::dynamic;
  Behavior behavior = Behavior::endpoint_independent;  // of the mapping
  RemovalCause cause = RemovalCause::expired;          // of a mapping that ended
  SessionState state = SessionState::active;           // of a session
  std::uint64_t mapping = 0;                           // its id; 0 for a block
  std::uint32_t session = 0;                           // its number, and how often that was in use before
  std::uint32_t generation = 0;
  Endpoint internal;           // of a block, the host
  Endpoint external;           // of a block, its address
  Endpoint remote;             // of a session; of a mapping, what its behaviour tells apart
  PortRange ports{};           // of a block
  TimePoint expires = kNever;  // of a mapping: the end of its lease, or when it was over
  MappingName name;
};

// Says which mapping the event is about. A `MappingLike` is a Mapping or a MappingView, which name alike what
// an event has of them.
template <typename MappingLike>
void put_mapping(Event& event, const MappingLike& mapping) {
  event.mapping = mapping.id;
  event.protocol = mapping.protocol;
  event.origin = mapping.origin;
  event.behavior = mapping.behavior;
  event.internal = mapping.internal;
  event.external = mapping.external;
  event.remote = mapping.remote;
}
// Likewise which block of ports: a PortBlock or a BlockView.
template <typename BlockLike>
void put_block(Event& event, const BlockLike& block) {
  event.internal = {block.host, 0};
  event.external = {block.external, 0};
  event.ports = block.ports;
}
// The mapping that the event is about, as far as it says.
MappingView mapping_view(const Event& event);

// A packet that was dropped, as far as it could be read.
struct DropEvent {
  std::uint64_t number = 0;
  TimePoint at{};
  Reason reason = Reason::malformed_ip;
  Realm in = Realm::internal;
  std::uint8_t ip_protocol = 0;
  std::uint8_t tcp_flags = 0;
  std::uint16_t length = 0;
  bool from_gateway = false;
  bool hop_counted = false;  // as Packet has it
  bool traced = false;       // Engine::traced_drop has more
  Endpoint source;           // ports are zero where the packet has none
  Endpoint destination;
};

// How many of each the rings keep; powers of two.
struct EventsKept {
  std::uint32_t changes = 16384;
  std::uint32_t drops = 8192;
};

class Events {
 public:
  static constexpr std::uint32_t kKept = EventsKept().changes;
  static constexpr std::uint32_t kDropsKept = EventsKept().drops;

  explicit Events(EventsKept kept) : changes_(kept.changes), drops_(kept.drops) {}

  // The next place in the stream, numbered and otherwise empty.
  Event& add(EventKind kind, TimePoint at);
  DropEvent& add_drop(TimePoint at);

  // The drop that was added last, until another event is.
  DropEvent& last_drop() { return *last_drop_; }

  const Ring<Event>& changes() const { return changes_; }
  const Ring<DropEvent>& drops() const { return drops_; }
  // Of the event that was added last.
  std::uint64_t last_number() const { return last_number_; }

  void follow_sessions(bool on) { sessions_ = on; }
  bool sessions_followed() const { return sessions_; }

 private:
  Ring<Event> changes_;
  Ring<DropEvent> drops_;
  std::uint64_t last_number_ = 0;
  DropEvent* last_drop_ = nullptr;
  bool sessions_ = false;
};

}  // namespace nat
