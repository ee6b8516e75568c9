#include "translation/engine.h"

#include "translation/pipeline/pipeline.h"

namespace nat {

Engine::Engine(Policy policy, Random& random, LocalSockets* sockets, TimePoint now)
    : pipeline_(std::make_unique<Pipeline>(std::move(policy), random, sockets, now)) {}

Engine::~Engine() = default;

Verdict Engine::translate(const Packet& packet, Realm in, TimePoint now) {
  return pipeline_->translate(packet, in, now);
}

void Engine::prefetch(std::span<const Packet> packets, std::span<const Realm> in) const {
  pipeline_->prefetch(packets, in);
}

bool Engine::take_generated(GeneratedPacket& own) { return pipeline_->take_generated(own); }

bool Engine::take_released(Released& released) { return pipeline_->take_released(released); }

TimePoint Engine::expire(TimePoint now, unsigned budget) { return pipeline_->expire(now, budget); }

ApplyReport Engine::apply(Policy policy, TimePoint now) {
  Tables& tables = pipeline_->tables();
  tables.set_now(now);
  ApplyReport report;
  const std::uint64_t removed = tables.counters().mappings_removed;
  tables.replace_policy(std::move(policy), report.refused);
  report.removed_mappings = static_cast<std::uint32_t>(tables.counters().mappings_removed - removed);
  report.kept_mappings = tables.live_mappings();
  report.kept_sessions = tables.live_sessions();
  return report;
}

bool Engine::is_external(Address address) const { return pipeline_->tables().is_external(address); }

const Policy& Engine::policy() const { return pipeline_->tables().policy(); }

std::uint32_t Engine::flush(std::uint64_t& cursor, unsigned budget,
                            const std::function<bool(const MappingView&)>& matches, TimePoint now) {
  Tables& tables = pipeline_->tables();
  tables.set_now(now);
  std::uint32_t flushed = 0;
  for (; budget > 0 && cursor < tables.mappings().high_water(); --budget, ++cursor) {
    const auto number = static_cast<std::uint32_t>(cursor);
    const Mapping& mapping = tables.mappings()[number];
    if (!mapping.live || mapping.origin != Origin::dynamic || !matches(tables.view(number))) continue;
    tables.end_mapping(number, RemovalCause::flushed);
    ++flushed;
  }
  if (cursor >= tables.mappings().high_water()) cursor = 0;
  return flushed;
}

void Engine::rest(std::span<const QuarantinedPort> ports, TimePoint now) {
  pipeline_->tables().set_now(now);
  for (const QuarantinedPort& port : ports) pipeline_->tables().rest(port);
}

void Engine::observe(Observer* observer) { pipeline_->tables().observe(observer); }

void Engine::visit_mappings(std::uint64_t& cursor, unsigned budget, TimePoint now,
                            const std::function<void(const MappingView&)>& sink) const {
  Tables& tables = pipeline_->tables();
  tables.set_now(now);
  for (; budget > 0 && cursor < tables.mappings().high_water(); --budget, ++cursor) {
    const auto number = static_cast<std::uint32_t>(cursor);
    if (!tables.mappings()[number].live || !tables.alive(number)) continue;
    sink(tables.view(number));
    // Looking through the sessions of a large mapping counts as well.
    budget -= std::min(budget - 1, tables.mappings()[number].confirmed.count / 32);
  }
  if (cursor >= tables.mappings().high_water()) cursor = 0;
}

void Engine::visit_sessions(std::uint64_t& cursor, unsigned budget, TimePoint now,
                            const std::function<void(const SessionView&)>& sink) const {
  Tables& tables = pipeline_->tables();
  tables.set_now(now);
  for (; budget > 0 && cursor < tables.sessions().high_water(); --budget, ++cursor) {
    const auto number = static_cast<std::uint32_t>(cursor);
    const Session& session = tables.sessions()[number];
    if (!session.live || tables.expired(session) || !tables.alive(session.mapping)) continue;
    sink(tables.view_session(number));
  }
  if (cursor >= tables.sessions().high_water()) cursor = 0;
}

std::optional<PortUse> Engine::port_use(Endpoint external, TimePoint now) const {
  pipeline_->tables().set_now(now);
  return pipeline_->tables().port_use(external);
}

std::vector<BlockView> Engine::blocks_of(Address internal) const {
  return pipeline_->tables().blocks_of(internal);
}

const Counters& Engine::counters() const { return pipeline_->tables().counters(); }

Gauges Engine::gauges() const {
  Gauges gauges;
  pipeline_->tables().fill(gauges);
  gauges.datagrams = pipeline_->fragments().datagrams();
  gauges.held_fragments = pipeline_->fragments().held();
  gauges.held_bytes = pipeline_->fragments().held_bytes();
  gauges.held_syns = pipeline_->held_syns().held();
  return gauges;
}

Explanation Engine::explain(const Packet& packet, Realm in, TimePoint now) const {
  return pipeline_->explain(packet, in, now);
}

Explanation Engine::explain(const Probe& probe, TimePoint now) const {
  return pipeline_->explain(probe, now);
}

}  // namespace nat
