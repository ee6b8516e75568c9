#include "tests/fuzz/agreement.h"

#include <algorithm>
#include <tuple>

#include "tests/fuzz/script.h"

namespace nat::test {
namespace {

using MappingKey = std::tuple<Protocol, std::uint32_t, std::uint16_t>;
using SessionKey = std::tuple<Protocol, std::uint32_t, std::uint16_t, std::uint32_t, std::uint16_t>;

// Whether no two of them are equal.
template <typename Key>
bool distinct(std::vector<Key>& keys) {
  std::sort(keys.begin(), keys.end());
  return std::adjacent_find(keys.begin(), keys.end()) == keys.end();
}

// However much was asked of the tables.
void check_capacities(const Gauges& gauges, const Limits& limits) {
  must(gauges.datagrams <= limits.fragments);
  must(gauges.held_fragments <= limits.held_fragments);
  must(gauges.held_bytes <= limits.fragment_bytes);
  must(gauges.held_syns <= limits.held_syns);
  must(gauges.sessions + gauges.dormant <= limits.sessions);
  must(gauges.mappings <= limits.mappings);
  must(gauges.hosts <= limits.hosts);
  for (const Gauges::Pool& pool : gauges.pools) must(pool.quarantined <= pool.capacity);
}

void check_sessions(const TestGateway& gateway, const std::vector<MappingView>& by_id) {
  std::vector<SessionKey> keys;
  for (const SessionView& session : gateway.sessions()) {
    const auto mapping =
        std::lower_bound(by_id.begin(), by_id.end(), session.mapping_id,
                         [](const MappingView& candidate, std::uint64_t id) { return candidate.id < id; });
    must(mapping != by_id.end() && mapping->id == session.mapping_id);
    must(mapping->external == session.external && mapping->internal == session.internal);
    keys.emplace_back(session.protocol, session.internal.address.value(), session.internal.port,
                      session.remote.address.value(), session.remote.port);
  }
  must(distinct(keys));
}

}  // namespace

void check_agreement(const TestGateway& gateway, bool may_share) {
  check_capacities(gateway.engine.gauges(), gateway.engine.policy().limits);
  std::vector<MappingView> mappings = gateway.mappings();
  std::sort(mappings.begin(), mappings.end(),
            [](const MappingView& a, const MappingView& b) { return a.id < b.id; });
  std::vector<MappingKey> externals;
  for (const MappingView& mapping : mappings) {
    externals.emplace_back(mapping.protocol, mapping.external.address.value(), mapping.external.port);
  }
  must(may_share || distinct(externals));
  const auto same_id = [](const MappingView& a, const MappingView& b) { return a.id == b.id; };
  must(std::adjacent_find(mappings.begin(), mappings.end(), same_id) == mappings.end());
  check_sessions(gateway, mappings);
}

void check_empty(const TestGateway& gateway, std::uint32_t mappings) {
  const Gauges gauges = gateway.engine.gauges();
  must(gauges.mappings <= mappings && gauges.sessions == 0 && gauges.dormant == 0);
  must(gauges.hosts <= mappings);
  must(gauges.datagrams == 0 && gauges.held_bytes == 0 && gauges.held_fragments == 0);
  for (const Gauges::Pool& pool : gauges.pools) must(pool.used <= mappings);
}

}  // namespace nat::test
