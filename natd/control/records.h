// What the engine shows, as the JSON of the control protocol: raw units (octets, seconds), endpoints as text,
// members named like the columns of natctl.
#pragma once

#include "natd/control/event_hub.h"
#include "natd/control/json.h"
#include "natd/control/service.h"
#include "translation/state/view.h"

namespace nat {

// `filtering` is the behaviour in force for the mapping's protocol; what is configured lets any remote in.
Json mapping_record(const MappingView& mapping, TimePoint now);
Json session_record(const SessionView& session, TimePoint now);
Json block_record(const BlockView& block);
Json pool_record(const Gauges::Pool& pool);
// By reason, in the order of reasons.def, those without a packet included.
Json reason_records(const Counters& counters);
Json counter_record(const Counters& counters);
Json gauge_record(const Gauges& gauges, const Limits& limits);
Json lock_holds_record(const LockHoldsByPurpose& holds);
Json explanation_record(const Explanation& explanation, Realm in);
// A refused packet of the drop log, without and with its trace.
Json kind_record(const DropLog::Kind& kind, TimePoint now);
Json refused_record(const DropLog::Kind& kind, TimePoint now);

// Turns the engine's time into the wall clock's, as both stand at one moment.
struct WallClock {
  TimePoint engine;
  std::int64_t unix_milliseconds = 0;
  static WallClock read();
  // Seconds since 1970, to the millisecond.
  double seconds(TimePoint time) const;
};
Json event_record(const MappingEvent& event, const WallClock& clock);
// `interval` is how many seconds the event sums up.
Json event_record(const RefusalEvent& event, double interval, const WallClock& clock);

}  // namespace nat
