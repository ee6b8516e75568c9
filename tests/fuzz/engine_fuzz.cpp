// A live engine between two sides that send anything. The input is a script: first how many records each
// table has, 1 to 64; then packets as they are, in a shape that gets past the parser, or many at a time so
// that tables fill; time, policies, flushes. After each step the engine must agree with itself, and no call
// does more than its budget.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "tests/fuzz/agreement.h"
#include "tests/fuzz/script.h"
#include "tests/fuzz/shaped_packet.h"
#include "tests/support/checksums.h"
#include "tests/support/leak_watch.h"
#include "tests/support/test_gateway.h"
#include "translation/net/wire.h"

using namespace nat;
using namespace nat::test;

namespace {

// What one input may ask for; more would only make it slow.
constexpr std::size_t kMostSteps = 60;
constexpr unsigned kMostChanges = 2;
constexpr unsigned kMostFloods = 3;

// Short enough to be met on the way: a step is up to 25 seconds.
constexpr Duration kLongestTimeout = seconds(40);
constexpr Duration kRest = seconds(12);
// A reader comes by after every call.
constexpr EventsKept kKept{.changes = 256, .drops = 256};

Policy small_policy(Script& script) {
  Policy policy = plain_policy();
  const std::uint8_t choices = script.byte();
  if ((choices & 1U) != 0) policy.external_addresses.push_back(Address(203, 0, 113, 12));
  if ((choices & 2U) != 0) policy.internal_networks = {Prefix(Address(10, 0, 0, 0), 30)};
  if ((choices & 4U) != 0) policy.udp.filtering = policy.icmp.filtering = Behavior::endpoint_independent;
  policy.ports.ranges = {{600, 610}, {2000, 2020}};
  policy.ports.rest = kRest;
  policy.timeouts = {.udp = seconds(15),
                     .tcp_established = kLongestTimeout,
                     .tcp_opening = seconds(10),
                     .tcp_closing = seconds(8),
                     .tcp_reset = seconds(8),
                     .icmp = seconds(6)};
  policy.limits = {.mappings = script.capacity(),
                   .sessions = script.capacity(),
                   .hosts = script.capacity(),
                   .mappings_per_host = script.capacity(),
                   .sessions_per_host = script.capacity(),
                   .sessions_per_mapping = script.capacity(),
                   .mapping_rate_per_host = 0,
                   .fragments = script.capacity(),
                   .held_fragments = script.capacity(),
                   .fragment_bytes = 2000,
                   .held_syns = script.capacity(),
                   .icmp_rate = 10,
                   .icmp_burst = 10};
  return policy;
}

// An error about the last packet that was forwarded.
Octets error_about(const Octets& packet, Script& script, bool wrong_sum) {
  const std::uint8_t kind = script.byte();
  Octets error(28);
  error[0] = 0x45;
  error[9] = 1;
  error[20] = kind & 1U ? 3 : 11;
  store32(error.data() + 12, kind & 2U ? 0xc0000263U : load32(packet.data() + 16));
  store32(error.data() + 16, load32(packet.data() + 12));
  const std::size_t quoted = std::min<std::size_t>(packet.size(), 20U + (kind >> 2U));
  error.insert(error.end(), packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(quoted));
  store16(error.data() + 2, static_cast<std::uint16_t>(error.size()));
  if (wrong_sum) error[38] ^= 1;
  fix_ip_checksum(error);
  fix_transport_checksum(error);
  return error;
}

// UDP from many internal endpoints, or from many remotes to the external ports, so that tables fill.
void flood(TestGateway& gateway, Script& script, Realm in) {
  const std::uint8_t count = script.byte();
  const std::uint8_t spread = script.byte();
  Octets packet(28);
  packet[0] = 0x45;
  packet[3] = 28;
  packet[8] = 64;
  packet[9] = 17;
  packet[25] = 8;
  for (std::uint32_t i = 0; i < count % 80U; ++i) {
    const std::uint32_t host = i % (1 + spread % 16U);
    const auto port = static_cast<std::uint16_t>(2000 + i / (1 + spread % 16U) % 21);
    const std::uint32_t remote = 0xc000021f + (i * (spread >> 4U) & 63U);
    store32(packet.data() + 12, in == Realm::internal ? 0x0a000001 + host : remote);
    store32(packet.data() + 16, in == Realm::internal ? remote : 0xcb00710b + (i & 1U));
    store16(packet.data() + 20, in == Realm::internal ? port : std::uint16_t{2000});
    store16(packet.data() + 22, in == Realm::internal ? std::uint16_t{2000} : port);
    fix_ip_checksum(packet);
    fix_transport_checksum(packet);
    gateway.translate(packet, in);
  }
}

// No host with a mapping is shown to any remote. A remote may have the address of one: it is no host's
// then.
void check_leaving(const TestGateway& gateway, const Outcome& outcome, bool own) {
  const bool leaves =
      outcome.forwarded() ? outcome.out == Realm::external : own && outcome.action() == Action::pass;
  if (!leaves) return;
  const Prefix inside(Address(10, 0, 0, 0), 30);
  const auto is_remote = [&](Address address) {
    const auto sessions = gateway.sessions();
    return std::any_of(sessions.begin(), sessions.end(),
                       [&](const SessionView& session) { return session.remote.address == address; });
  };
  must(leak_of(outcome.packet, [&](Address address) {
         return inside.contains(address) && !is_remote(address);
       }).empty());
}

// --- What no call may exceed.

// One step of expire(): no more mappings end than its budget has records. Whether there is more to do.
bool expire_step(TestGateway& gateway, unsigned budget) {
  const std::size_t ended = gateway.observed().removed.size();
  const TimePoint next = gateway.engine.expire(gateway.now(), budget);
  must(gateway.engine.last_work() <= budget + Engine::kMostWorkOfStep);
  must(gateway.observed().removed.size() - ended <= budget);
  return next <= gateway.now();
}

// Each step does some of what is due, so that so many steps of one record are enough for tables of 64.
void expire_all(TestGateway& gateway, unsigned budget) {
  constexpr unsigned kMostCalls = 4096;
  unsigned calls = 0;
  while (expire_step(gateway, budget)) must(++calls < kMostCalls);
}

void flush_step(TestGateway& gateway, std::uint64_t& cursor, unsigned budget) {
  unsigned seen = 0;
  const std::size_t before = gateway.observed().removed.size();
  const std::uint32_t flushed =
      gateway.engine
          .flush(
              cursor, budget, [&](const MappingView& mapping) { return ++seen, (mapping.id & 1U) != 0; },
              gateway.now())
          .mappings;
  must(seen <= budget && flushed <= seen);
  must(gateway.observed().removed.size() - before == flushed);
}

void visit_step(const TestGateway& gateway, unsigned budget) {
  unsigned seen = 0;
  std::uint64_t cursor = 0;
  gateway.engine.visit_mappings(cursor, budget, gateway.now(), [&](const MappingView&) { ++seen; });
  must(seen <= budget);
  seen = 0;
  cursor = 0;
  gateway.engine.visit_sessions(cursor, budget, gateway.now(), [&](const SessionView&) { ++seen; });
  must(seen <= budget);
}

// --- A run.

void change(Policy& policy, std::uint8_t step, std::uint8_t choice) {
  policy.address_options = (step & 16U) != 0 ? AddressOptions::blank : AddressOptions::refuse;
  policy.strict_quotes = (step & 32U) != 0;
  policy.udp = {static_cast<Behavior>((choice & 3U) % 3), static_cast<Behavior>((choice >> 2U & 3U) % 3)};
  policy.tcp = policy.udp;
  policy.hairpin = (choice & 16U) != 0;
  policy.hairpin_filter = (choice & 32U) != 0;
  if ((choice & 64U) != 0) std::swap(policy.external_addresses.front(), policy.external_addresses.back());
}

class Run {
 public:
  explicit Run(Script& script) : script_(script), gateway_(small_policy(script), 1, kKept) {
    gateway_.set_forwards({{Protocol::tcp, {Address(), 8080}, {Address(10, 0, 0, 1), 80}, "web"}});
  }

  void all() {
    for (std::size_t steps = 0; steps < kMostSteps && !script_.done(); ++steps) {
      step(script_.byte());
      gateway_.released();
      check_agreement(gateway_);
    }
    end();
  }

 private:
  void step(std::uint8_t step) {
    const Realm in = step & 1U ? Realm::external : Realm::internal;
    const unsigned budget = 1 + (step >> 4U);
    switch (step >> 1U & 7U) {
      case 0:
        return send(script_.bytes(script_.byte()), in);
      case 1:
        gateway_.advance(milliseconds(100 * script_.byte()));
        if (step & 1U) expire_step(gateway_, budget);
        return;
      case 2:
        if (++changes_ > kMostChanges) return;
        gateway_.change([&](Policy& policy) { change(policy, step, script_.byte()); });
        // A restart on the way now and then, and the forward away.
        if ((step & 32U) != 0) gateway_.set_forwards({});
        if ((step & 64U) != 0) gateway_.restart(1 + (step >> 7U));
        return;
      case 3:
        if (last_.empty()) return;
        // The gateway makes errors about what it would send on inside.
        return send(error_about(last_, script_, (step & 32U) != 0), last_out_,
                    (step & 16U) != 0 && last_out_ == Realm::internal);
      case 6:
        if (step & 1U) flush_step(gateway_, cursor_, budget);
        if (!(step & 1U)) visit_step(gateway_, budget);
        return;
      case 7:
        if (++floods_ <= kMostFloods) flood(gateway_, script_, in);
        return;
      default:
        send(shaped_packet(script_, in), in);
    }
  }

  void send(Octets packet, Realm in, bool own = false) {
    const Octets before = packet;
    const Outcome outcome = gateway_.translate(std::move(packet), in, ChecksumState::complete, own);
    check_leaving(gateway_, outcome, own);
    must(outcome.packet.size() == before.size());
    if (!outcome.forwarded() && outcome.reason != Reason::icmp_no_session) must(outcome.packet == before);
    if (!outcome.forwarded() || (load16(before.data() + 6) & 0x3fff) != 0) return;
    must(ip_checksum_valid(before) == ip_checksum_valid(outcome.packet));
    last_ = outcome.packet;
    last_out_ = outcome.out;
  }

  // Everything runs out, and nothing remains but what is configured.
  void end() {
    gateway_.advance(kLongestTimeout + seconds(1));
    expire_all(gateway_, 1);
    gateway_.advance(kRest + seconds(1));
    expire_all(gateway_, 64);
    check_empty(gateway_, 1);
    for (const Gauges::Pool& pool : gateway_.engine.gauges().pools) must(pool.quarantined == 0);
  }

  Script& script_;
  TestGateway gateway_;
  Octets last_;
  Realm last_out_ = Realm::external;
  std::uint64_t cursor_ = 0;  // of the flush
  unsigned changes_ = 0;
  unsigned floods_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 4096) return 0;
  Script script(data, size);
  Run(script).all();
  return 0;
}
