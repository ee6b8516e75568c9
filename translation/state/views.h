// What the tables show of themselves, as plain copies.
#pragma once

#include <optional>
#include <vector>

#include "translation/state/state.h"

namespace nat {

// `expires` of a mapping with very many sessions is the earliest it can be.
MappingView view_mapping(const State& state, std::uint32_t mapping);
SessionView view_session(const State& state, std::uint32_t session);
// Who has the external endpoint now, or had it until it came into quarantine; nothing for an address of
// others.
std::optional<PortUse> port_use(const State& state, Endpoint external);
// The ports that belong to the host beforehand, and the blocks it got besides.
std::vector<BlockView> blocks_of(const State& state, Address internal);
void fill(Gauges& gauges, const State& state);

}  // namespace nat
