#include "translation/engine.h"

#include <algorithm>

#include "translation/pipeline/pipeline.h"
#include "translation/state/views.h"
#include "translation/trace/tracer.h"

namespace nat {

Engine::Engine(Policy policy, Random& random, LocalSockets* sockets, TimePoint now, EventsKept kept)
    : pipeline_(std::make_unique<Pipeline>(std::move(policy), random, sockets, now, kept)),
      tracer_(std::make_unique<Tracer>(*pipeline_)),
      sampler_({random.next(), random.next()}) {}

Engine::~Engine() = default;

// --- Datapath

Verdict Engine::translate(const Packet& packet, Realm in, TimePoint now) {
  const Verdict verdict = pipeline_->translate(packet, in, now);
  if (verdict.action() == Action::drop) sample(packet, in);
  return verdict;
}

void Engine::sample(const Packet& packet, Realm in) {
  DropEvent& drop = pipeline_->state().events.last_drop();
  if (!sampler_.wants(drop)) return;
  drop.traced = true;
  TracedDrop& traced = sampler_.add();
  traced.number = drop.number;
  traced.octets.clear();
  if (packet.octets.size() <= DropSampler::kMostOctets) {
    traced.octets.assign(packet.octets.begin(), packet.octets.end());
  }
  traced.explanation = tracer_->explain(packet, in, drop.reason);
}

void Engine::prefetch(std::span<const Packet> packets, std::span<const Realm> in) const {
  pipeline_->prefetch(packets, in);
}

bool Engine::take_released(Released& released) {
  Realm in = Realm::internal;
  if (!pipeline_->take_released(released, in)) return false;
  if (released.verdict.action() == Action::drop) sample({.octets = released.octets}, in);
  return true;
}

bool Engine::take_generated(GeneratedPacket& packet) { return pipeline_->take_generated(packet); }

TimePoint Engine::expire(TimePoint now, unsigned budget) { return pipeline_->expire(now, budget); }

// --- Policy

ApplyReport Engine::apply(Policy policy, TimePoint now) {
  State& state = pipeline_->state();
  state.begin_call(now);
  ApplyReport report;
  report.removed_mappings = pipeline_->lifecycle().replace_policy(std::move(policy));
  report.kept_mappings = state.live_mappings - std::min(state.live_mappings, report.removed_mappings);
  report.kept_sessions = state.live_sessions;
  return report;
}

bool Engine::is_external(Address address) const { return pipeline_->state().is_external(address); }

const Policy& Engine::policy() const { return pipeline_->state().policy; }

// --- Verbs

MapResult Engine::map(const MapRequest& request, TimePoint now) {
  pipeline_->state().begin_call(now);
  return pipeline_->statics().map(request);
}

MapResult Engine::renew(MappingId id, Owner owner, Duration lifetime, TimePoint now) {
  pipeline_->state().begin_call(now);
  return pipeline_->statics().renew(id, owner, lifetime);
}

std::optional<MapRefusal> Engine::unmap(MappingId id, Owner owner, TimePoint now) {
  pipeline_->state().begin_call(now);
  return pipeline_->statics().unmap(id, owner);
}

Engine::Flushed Engine::flush(std::uint64_t& cursor, unsigned budget,
                              const std::function<bool(const MappingView&)>& matches, TimePoint now) {
  State& state = pipeline_->state();
  state.begin_call(now);
  Flushed flushed;
  for (; state.work.records < budget && cursor < state.mappings.high_water(); ++cursor) {
    const auto number = static_cast<std::uint32_t>(cursor);
    const Mapping& mapping = state.mappings[number];
    state.count_work();
    if (!state.valid(mapping) || mapping.origin != Origin::dynamic) continue;
    const MappingView view = view_mapping(state, number);
    if (!matches(view)) continue;
    pipeline_->lifecycle().end_mapping(number, RemovalCause::flushed);
    ++flushed.mappings;
    flushed.sessions += view.sessions;
  }
  if (cursor >= state.mappings.high_water()) cursor = 0;
  return flushed;
}

void Engine::quarantine(std::span<const QuarantinedPort> ports, TimePoint now) {
  pipeline_->state().begin_call(now);
  for (const QuarantinedPort& port : ports) pipeline_->lifecycle().quarantine(port);
}

// --- Events

const Events& Engine::events() const { return pipeline_->state().events; }

void Engine::follow_sessions(bool on) { pipeline_->state().events.follow_sessions(on); }

const TracedDrop* Engine::traced_drop(std::uint64_t number) const { return sampler_.find(number); }

// --- Snapshot

void Engine::save(SnapshotCursor& cursor, unsigned budget, const SnapshotSink& sink, TimePoint now) const {
  pipeline_->state().begin_call(now);
  save_snapshot(pipeline_->state(), cursor, budget, sink);
}

RestoreResult Engine::restore(std::span<const std::uint8_t> snapshot, TimePoint now) {
  pipeline_->state().begin_call(now);
  return restore_snapshot(snapshot, pipeline_->state(), pipeline_->lifecycle());
}

// --- View

void Engine::visit_mappings(std::uint64_t& cursor, unsigned budget, TimePoint now,
                            const std::function<void(const MappingView&)>& sink) const {
  State& state = pipeline_->state();
  state.begin_call(now);
  for (; state.work.records < budget && cursor < state.mappings.high_water(); ++cursor) {
    const auto number = static_cast<std::uint32_t>(cursor);
    state.count_work();
    if (state.mappings[number].live && state.alive(number)) sink(view_mapping(state, number));
  }
  if (cursor >= state.mappings.high_water()) cursor = 0;
}

void Engine::visit_sessions(std::uint64_t& cursor, unsigned budget, TimePoint now,
                            const std::function<void(const SessionView&)>& sink) const {
  State& state = pipeline_->state();
  state.begin_call(now);
  for (; state.work.records < budget && cursor < state.sessions.high_water(); ++cursor) {
    const auto number = static_cast<std::uint32_t>(cursor);
    state.count_work();
    if (state.open(number)) sink(view_session(state, number));
  }
  if (cursor >= state.sessions.high_water()) cursor = 0;
}

std::optional<MappingView> Engine::static_mapping(MappingId id, TimePoint now) const {
  State& state = pipeline_->state();
  state.begin_call(now);
  const auto found = state.statics.find(id);
  if (found == state.statics.end() || !state.alive(found->second.mapping)) return std::nullopt;
  return view_mapping(state, found->second.mapping);
}

bool Engine::is_mapped(Protocol protocol, Endpoint external) const {
  const State& state = pipeline_->state();
  const std::uint32_t mapping = state.mappings.find_external(protocol, external);
  return mapping != kNone && state.alive(mapping);
}

std::optional<PortUse> Engine::port_use(Endpoint external, TimePoint now) const {
  pipeline_->state().begin_call(now);
  return nat::port_use(pipeline_->state(), external);
}

std::vector<BlockView> Engine::blocks_of(Address internal) const {
  return nat::blocks_of(pipeline_->state(), internal);
}

const Counters& Engine::counters() const { return pipeline_->state().counters; }

Gauges Engine::gauges() const {
  Gauges gauges;
  fill(gauges, pipeline_->state());
  gauges.datagrams = pipeline_->fragments().datagrams();
  gauges.held_fragments = pipeline_->fragments().held();
  gauges.held_bytes = pipeline_->fragments().held_bytes();
  gauges.held_syns = pipeline_->held_syns().held();
  return gauges;
}

Explanation Engine::explain(const Packet& packet, Realm in, TimePoint now) const {
  pipeline_->state().begin_call(now);
  return tracer_->explain(packet, in);
}

Explanation Engine::explain(const Probe& probe, TimePoint now) const {
  pipeline_->state().begin_call(now);
  return tracer_->explain(probe);
}

std::uint32_t Engine::last_work() const { return pipeline_->state().work.records; }

}  // namespace nat
