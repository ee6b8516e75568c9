#include "translation/state/event.h"

namespace nat {

const char* to_string(EventKind kind) {
  switch (kind) {
    case EventKind::mapping_made:
      return "mapping-made";
    case EventKind::mapping_changed:
      return "mapping-changed";
    case EventKind::mapping_ended:
      return "mapping-ended";
    case EventKind::session_opened:
      return "session-opened";
    case EventKind::session_established:
      return "session-established";
    case EventKind::session_changed:
      return "session-changed";
    case EventKind::session_ended:
      return "session-ended";
    case EventKind::block_given:
      return "block-given";
    case EventKind::block_returned:
      return "block-returned";
  }
  return "unknown";
}

MappingView mapping_view(const Event& event) {
  MappingView view;
  view.id = event.mapping;
  view.protocol = event.protocol;
  view.internal = event.internal;
  view.external = event.external;
  view.behavior = event.behavior;
  view.remote = event.remote;
  view.expires = event.expires;
  view.origin = event.origin;
  view.name = event.name.text();
  return view;
}

MappingName::MappingName(std::string_view text)
    : length_(static_cast<std::uint8_t>(std::min(text.size(), kLongest))) {
  std::copy_n(text.data(), length_, characters_.data());
}

Event& Events::add(EventKind kind, TimePoint at) {
  Event& event = changes_.push();
  event = {};
  event.number = ++last_number_;
  event.at = at;
  event.kind = kind;
  return event;
}

DropEvent& Events::add_drop(TimePoint at) {
  DropEvent& drop = drops_.push();
  last_drop_ = &drop;
  drop = {};
  drop.number = ++last_number_;
  drop.at = at;
  return drop;
}

}  // namespace nat
