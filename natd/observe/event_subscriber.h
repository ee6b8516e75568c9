// Who hears of the engine's events. The daemon reads them off the engine under its lock and hands them out
// afterwards (SharedEngine::deliver), one at a time and in their order, so a subscriber may take its time and
// may lock what it likes.
#pragma once

#include "translation/state/event.h"
#include "translation/trace/drop_sampler.h"

namespace nat {

class EventSubscriber {
 public:
  virtual ~EventSubscriber() = default;
  virtual void changed(const Event& event) = 0;
  // `traced` says how it came to that, of some drops; null mostly. Valid during the call.
  virtual void dropped(const DropEvent& /*drop*/, const TracedDrop* /*traced*/) {}
  // So many events before the next one were overwritten before they were read.
  virtual void missed(std::uint64_t /*changes*/, std::uint64_t /*drops*/) {}
};

}  // namespace nat
