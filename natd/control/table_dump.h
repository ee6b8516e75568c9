// Answers that walk the engine's tables: dumps of mappings and sessions, and flush. Each turn takes the
// engine's lock once for a bounded number of records, and encodes them with the lock released.
//
// The tables change while they are walked. A mapping that lives from the beginning to the end of the walk is
// shown once; one that came or went meanwhile may be shown or not.
#pragma once

#include <memory>

#include "natd/control/filter.h"
#include "natd/control/reply.h"
#include "natd/control/service.h"

namespace nat {

std::unique_ptr<Reply> dump_mappings(Service& service, std::uint64_t id, const Filter& filter);
std::unique_ptr<Reply> dump_sessions(Service& service, std::uint64_t id, const Filter& filter);
std::unique_ptr<Reply> flush_mappings(Service& service, std::uint64_t id, const Filter& filter);

}  // namespace nat
