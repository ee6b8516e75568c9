#include "tests/golden/packet_text.h"
#include "tests/golden/runners.h"
#include "tests/support/test_gateway.h"

namespace nat::test {
namespace {

Fate fate_of(const Outcome& outcome) {
  Fate fate{.reason = outcome.reason, .out = outcome.out, .packet = {}};
  if (outcome.forwarded()) fate.packet = outcome.packet;
  return fate;
}

}  // namespace

std::vector<std::string> run_on_engine(const Fixture& fixture) {
  std::vector<std::string> problems;
  TestGateway gateway(fixture.policy);
  const TimePoint start = gateway.now();
  for (const FixturePacket& packet : fixture.packets) {
    const auto complain = [&](const std::string& what) {
      problems.push_back(fixture.path + ":" + std::to_string(packet.line) + ": engine: " + what);
    };
    gateway.pass(packet.time.time_since_epoch() - (gateway.now() - start));
    auto released = gateway.released();
    const Outcome outcome = gateway.translate(packet.packet, packet.in);
    const std::string wrong = difference(packet.fate, fate_of(outcome));
    if (!wrong.empty()) complain(wrong);
    if (outcome.reply != packet.reply) complain("the reply was " + to_hex(outcome.reply));
    for (auto& one : gateway.released()) released.push_back(std::move(one));
    if (released.size() != packet.released.size()) {
      complain(std::to_string(released.size()) + " fragments were let go");
      continue;
    }
    for (std::size_t i = 0; i < released.size(); ++i) {
      const std::string other = difference(packet.released[i], fate_of(released[i].second));
      if (!other.empty()) complain("let go: " + other);
    }
  }
  return problems;
}

}  // namespace nat::test
