#include "tests/support/test_gateway.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>

namespace nat::test {
namespace {

// What must hold after every call, whichever test made it.
void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "the engine broke a promise: %s\n", what);
  std::abort();
}

}  // namespace

Policy plain_policy() {
  Policy policy;
  policy.external_addresses = {Address(203, 0, 113, 11)};
  policy.internal_address = Address(10, 0, 0, 254);
  return policy;
}

TestGateway::TestGateway(Policy policy, std::uint64_t seed, EventsKept kept)
    : first_policy_(policy),
      kept_(kept),
      random_(seed),
      engine(std::move(policy), random_, &host, now_, kept) {}

Outcome TestGateway::translate(Octets packet, Realm in, ChecksumState checksum, bool from_gateway,
                               std::uint64_t token) {
  ++sent;
  const Verdict verdict = engine.translate(
      {.octets = packet, .checksum = checksum, .from_gateway = from_gateway, .token = token}, in, now_);
  Outcome outcome;
  outcome.reason = verdict.reason;
  outcome.out = verdict.out;
  outcome.reply.assign(verdict.reply.begin(), verdict.reply.end());
  outcome.hairpin_source = verdict.hairpin_source;
  outcome.packet = std::move(packet);
  require(engine.last_work() <= Engine::kMostWorkOfPacket, "the work of one packet is bounded");
  observed();
  return outcome;
}

Outcome TestGateway::from_inside(Octets packet, std::uint64_t token) {
  return translate(std::move(packet), Realm::internal, ChecksumState::complete, false, token);
}

Outcome TestGateway::from_outside(Octets packet, std::uint64_t token) {
  return translate(std::move(packet), Realm::external, ChecksumState::complete, false, token);
}

Outcome TestGateway::from_gateway(Octets packet) {
  return translate(std::move(packet), Realm::internal, ChecksumState::complete, true);
}

void TestGateway::sweep() {
  constexpr unsigned kBudget = 1000;
  while (engine.expire(now_, kBudget) <= now_) {
    // The last record may be a mapping that ends with what is forgotten at once.
    require(engine.last_work() <= kBudget + Engine::kMostWorkOfStep, "the work of expire() is bounded");
    observed();
  }
  observed();
}

ApplyReport TestGateway::apply(const Policy& policy) {
  const ApplyReport report = engine.apply(policy, now_);
  require(engine.last_work() <= Engine::kMostWorkOfStep, "the work of apply() is bounded");
  return report;
}

MapRequest request_for(const PortForward& forward) {
  return {.protocol = forward.protocol,
          .internal = forward.internal,
          .external = forward.external,
          .name = forward.name};
}

std::vector<MapRefusal> TestGateway::set_forwards(const std::vector<PortForward>& wanted) {
  const auto& pool = engine.policy().external_addresses;
  const auto is = [&](const PortForward& forward, const MappingView& mapping) {
    Endpoint external = forward.external;
    if (external.address.unspecified() && !pool.empty()) external.address = pool.front();
    return forward.protocol == mapping.protocol && forward.internal == mapping.internal &&
           external == mapping.external;
  };
  for (const MappingView& mapping : mappings()) {
    if (mapping.origin != Origin::configured) continue;
    const bool stays = std::any_of(wanted.begin(), wanted.end(),
                                   [&](const PortForward& forward) { return is(forward, mapping); });
    if (!stays) engine.unmap(mapping.id, kOperator, now_);
  }
  sweep();  // a host that had nothing else counts against limits.hosts until then
  std::vector<MapRefusal> refused;
  for (const PortForward& forward : wanted) {
    const MapResult result = engine.map(request_for(forward), now_);
    if (const auto* refusal = std::get_if<MapRefusal>(&result)) refused.push_back(*refusal);
  }
  observed();
  return refused;
}

const Observed& TestGateway::observed() {
  if (engine.events().changes().at_end(changes_) && engine.events().drops().at_end(drops_)) return observed_;
  std::uint64_t missed = 0;
  std::array<Event, 32> events;
  while (const std::size_t count = engine.events().changes().read(changes_, events, missed)) {
    for (std::size_t i = 0; i < count; ++i) note(events[i]);
  }
  std::array<DropEvent, 32> drops;
  while (const std::size_t count = engine.events().drops().read(drops_, drops, missed)) {
    for (std::size_t i = 0; i < count; ++i) {
      observed_.refusals.push_back(drops[i]);
      const TracedDrop* traced = drops[i].traced ? engine.traced_drop(drops[i].number) : nullptr;
      if (traced != nullptr) observed_.explanations.push_back(traced->explanation);
    }
  }
  require(missed == 0, "no event is missed by a reader that reads after every call");
  return observed_;
}

void TestGateway::note(const Event& event) {
  observed_.events.push_back(event);
  const BlockView block{event.external.address, event.ports, true, event.internal.address};
  switch (event.kind) {
    case EventKind::mapping_made:
      observed_.created.push_back(mapping_view(event));
      break;
    case EventKind::mapping_ended:
      observed_.removed.push_back({mapping_view(event), event.cause});
      break;
    case EventKind::block_given:
    case EventKind::block_returned:
      observed_.blocks.emplace_back(block, event.kind == EventKind::block_given);
      break;
    default:
      break;
  }
}

Octets TestGateway::snapshot(unsigned budget) const {
  Octets octets;
  SnapshotCursor cursor;
  do {
    engine.save(
        cursor, budget, [&](auto piece) { octets.insert(octets.end(), piece.begin(), piece.end()); }, now_);
    require(engine.last_work() <= budget + Engine::kMostWorkOfStep, "the work of save() is bounded");
  } while (!cursor.at_begin());
  return octets;
}

Restored TestGateway::restart(unsigned budget) {
  observed();
  const Octets octets = snapshot(budget);
  const Policy policy = engine.policy();
  std::destroy_at(&engine);
  std::construct_at(&engine, first_policy_, random_, &host, now_, kept_);
  apply(policy);
  changes_ = drops_ = {};
  const RestoreResult result = engine.restore(octets, now_);
  require(std::holds_alternative<Restored>(result), "a snapshot can be restored");
  return std::get<Restored>(result);
}

std::vector<MappingView> TestGateway::mappings() const {
  std::vector<MappingView> all;
  std::uint64_t cursor = 0;
  do {
    engine.visit_mappings(cursor, 100, now_, [&](const MappingView& mapping) { all.push_back(mapping); });
  } while (cursor != 0);
  return all;
}

std::vector<SessionView> TestGateway::sessions() const {
  std::vector<SessionView> all;
  std::uint64_t cursor = 0;
  do {
    engine.visit_sessions(cursor, 100, now_, [&](const SessionView& session) { all.push_back(session); });
  } while (cursor != 0);
  return all;
}

std::vector<std::pair<std::uint64_t, Outcome>> TestGateway::released() {
  std::vector<std::pair<std::uint64_t, Outcome>> all;
  Released released;
  while (engine.take_released(released)) {
    Outcome outcome;
    outcome.reason = released.verdict.reason;
    outcome.out = released.verdict.out;
    outcome.hairpin_source = released.verdict.hairpin_source;
    outcome.packet.assign(released.octets.begin(), released.octets.end());
    all.emplace_back(released.token, std::move(outcome));
  }
  return all;
}

std::vector<Octets> TestGateway::replies() {
  std::vector<Octets> all;
  GeneratedPacket own;
  while (engine.take_generated(own)) all.emplace_back(own.octets.begin(), own.octets.end());
  return all;
}

}  // namespace nat::test
