#include "tests/support/test_gateway.h"

namespace nat::test {

Policy plain_policy() {
  Policy policy;
  policy.external_addresses = {Address(203, 0, 113, 11)};
  policy.internal_address = Address(10, 0, 0, 254);
  return policy;
}

TestGateway::TestGateway(Policy policy, std::uint64_t seed)
    : random_(seed), engine(std::move(policy), random_, &host, now_) {
  engine.observe(&observer);
}

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
  while (engine.expire(now_, 1000) <= now_) {
  }
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
