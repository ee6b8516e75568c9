// Events made by hand, for whoever hears them.
#pragma once

#include "translation/state/event.h"

namespace nat::test {

inline Event event_of(EventKind kind, const MappingView& mapping, TimePoint at) {
  Event event;
  event.kind = kind;
  event.at = at;
  put_mapping(event, mapping);
  return event;
}

inline Event made(const MappingView& mapping, TimePoint at) {
  return event_of(EventKind::mapping_made, mapping, at);
}

inline Event ended(const MappingView& mapping, RemovalCause cause, TimePoint at) {
  Event event = event_of(EventKind::mapping_ended, mapping, at);
  event.cause = cause;
  event.expires = at;
  return event;
}

inline Event block_event(const BlockView& block, bool given, TimePoint at) {
  Event event;
  event.kind = given ? EventKind::block_given : EventKind::block_returned;
  event.at = at;
  put_block(event, block);
  return event;
}

inline DropEvent at(DropEvent drop, TimePoint when) {
  drop.at = when;
  return drop;
}

}  // namespace nat::test
