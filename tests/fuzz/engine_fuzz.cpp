// A live engine between two sides that send anything. The input is a script: first how many records each
// table has, 1 to 64; then packets as they are, in a shape that gets past the parser, or many at a time so
// that tables fill; time, policies, flushes. After each step the engine must agree with itself, and no call
// does more than its budget.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <tuple>
#include <vector>

#include "tests/support/checksums.h"
#include "tests/support/leak_watch.h"
#include "tests/support/test_gateway.h"
#include "translation/net/wire.h"

using namespace nat;
using namespace nat::test;

namespace {

void must(bool holds) {
  if (!holds) std::abort();
}

// What one input may ask for; more would only make it slow.
constexpr std::size_t kMostSteps = 60;
constexpr unsigned kMostChanges = 2;
constexpr unsigned kMostFloods = 3;

class Script {
 public:
  Script(const std::uint8_t* data, std::size_t size) : at_(data), end_(data + size) {}
  bool done() const { return at_ == end_; }
  std::uint8_t byte() { return done() ? std::uint8_t{0} : *at_++; }
  Octets bytes(std::size_t most) {
    const auto count = std::min(most, static_cast<std::size_t>(end_ - at_));
    const std::uint8_t* const begin = at_;
    at_ += count;
    return {begin, at_};
  }

 private:
  const std::uint8_t* at_;
  const std::uint8_t* end_;
};

std::uint32_t capacity(Script& script) { return 1 + script.byte() % 64U; }

Policy small_policy(Script& script) {
  Policy policy = plain_policy();
  // Making the ports of an address costs more than all packets of a run.
  const std::uint8_t choices = script.byte();
  if ((choices & 1U) != 0) policy.external_addresses.push_back(Address(203, 0, 113, 12));
  if ((choices & 2U) != 0) policy.internal_networks = {Prefix(Address(10, 0, 0, 0), 30)};
  if ((choices & 4U) != 0) policy.udp.filtering = policy.icmp.filtering = Behavior::endpoint_independent;
  policy.ports.ranges = {{600, 610}, {2000, 2020}};
  policy.limits = {.mappings = capacity(script),
                   .sessions = capacity(script),
                   .hosts = capacity(script),
                   .mappings_per_host = capacity(script),
                   .sessions_per_host = capacity(script),
                   .sessions_per_mapping = capacity(script),
                   .mapping_rate_per_host = 0,
                   .fragments = capacity(script),
                   .held_fragments = capacity(script),
                   .fragment_bytes = 2000,
                   .held_syns = capacity(script),
                   .icmp_rate = 10,
                   .icmp_burst = 10};
  return policy;
}

// One of few endpoints, so that packets meet.
void put_endpoint(std::uint8_t* address, std::uint8_t choice, bool internal) {
  if (internal) {
    store32(address, 0x0a000001U + (choice & 3U));
  } else {
    store32(address, (choice & 8U) != 0 ? 0xcb00710bU + (choice & 1U) : 0xc000021fU + (choice & 3U));
  }
}

// Octets of the script with an IP header around them that holds.
Octets shaped(Script& script, Realm in) {
  const std::uint8_t shape = script.byte();
  const std::uint8_t ends = script.byte();
  Octets packet(20);
  Octets rest = script.bytes(8 + script.byte() % 64U);
  rest.resize(std::max<std::size_t>(rest.size(), 28));
  packet.insert(packet.end(), rest.begin(), rest.end());
  packet[0] = 0x45;
  store16(packet.data() + 2, static_cast<std::uint16_t>(packet.size()));
  packet[5] = ends >> 6;
  const std::uint8_t protocols[] = {17, 6, 1, 1};
  packet[9] = protocols[shape & 3U];
  if ((shape & 0x70) == 0x70)
    store16(packet.data() + 6, static_cast<std::uint16_t>((ends & 1U) << 13 | (ends & 6U)));
  put_endpoint(packet.data() + 12, ends, in == Realm::internal);
  put_endpoint(packet.data() + 16, static_cast<std::uint8_t>(ends >> 4 | (in == Realm::external ? 8U : 0U)),
               false);
  std::uint8_t* const transport = packet.data() + 20;
  if (packet[9] == 17) store16(transport + 4, static_cast<std::uint16_t>(packet.size() - 20));
  if (packet[9] == 6) transport[12] = 0x50;
  if (packet[9] != 1 || (shape & 3U) == 2) {
    // Ports and identifiers from a few.
    store16(transport + (packet[9] == 1 ? 4 : 0), static_cast<std::uint16_t>(2000 + (transport[1] & 7U)));
    if (packet[9] != 1) store16(transport + 2, static_cast<std::uint16_t>(2000 + (transport[3] & 7U)));
    if (packet[9] == 1) transport[0] = transport[0] & 1U ? 8 : 0;
  }
  fix_ip_checksum(packet);
  fix_transport_checksum(packet);
  // Now and then with an option that names a host inside.
  constexpr std::uint8_t kKinds[] = {7, 68, 82, 147, 149, 131};
  if ((shape & 0x0cU) != 0x0c) return packet;
  return with_options(packet, recording_option(Address(10, 0, 0, 1 + (ends & 3U)),
                                               kKinds[(shape >> 4U & 7U) % std::size(kKinds)]));
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

// Whether no two of them are equal.
template <typename Key>
bool distinct(std::vector<Key>& keys) {
  std::sort(keys.begin(), keys.end());
  return std::adjacent_find(keys.begin(), keys.end()) == keys.end();
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
  const auto sessions = gateway.sessions();
  must(leak_of(outcome.packet, [&](Address address) {
         return inside.contains(address) &&
                std::none_of(sessions.begin(), sessions.end(),
                             [&](const SessionView& session) { return session.remote.address == address; });
       }).empty());
}

// --- What must hold between steps.

using MappingKey = std::tuple<Protocol, std::uint32_t, std::uint16_t>;
using SessionKeys = std::tuple<Protocol, std::uint32_t, std::uint16_t, std::uint32_t, std::uint16_t>;

// Every table within its capacity, however much was asked of it.
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

void check(const TestGateway& gateway) {
  check_capacities(gateway.engine.gauges(), gateway.engine.policy().limits);
  const std::vector<MappingView> mappings = gateway.mappings();
  std::vector<MappingKey> externals;
  std::vector<std::uint64_t> ids;
  for (const MappingView& mapping : mappings) {
    externals.emplace_back(mapping.protocol, mapping.external.address.value(), mapping.external.port);
    ids.push_back(mapping.id);
  }
  must(distinct(externals) && distinct(ids));
  std::vector<SessionKeys> sessions;
  for (const SessionView& session : gateway.sessions()) {
    const auto mapping = std::find_if(mappings.begin(), mappings.end(), [&](const MappingView& candidate) {
      return candidate.id == session.mapping_id;
    });
    must(mapping != mappings.end());
    must(mapping->external == session.external && mapping->internal == session.internal);
    sessions.emplace_back(session.protocol, session.internal.address.value(), session.internal.port,
                          session.remote.address.value(), session.remote.port);
  }
  must(distinct(sessions));
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
  explicit Run(Script& script) : script_(script), gateway_(small_policy(script)) {
    gateway_.set_forwards({{Protocol::tcp, {Address(), 8080}, {Address(10, 0, 0, 1), 80}, "web"}});
  }

  void all() {
    for (std::size_t steps = 0; steps < kMostSteps && !script_.done(); ++steps) {
      step(script_.byte());
      gateway_.released();
      check(gateway_);
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
        send(shaped(script_, in), in);
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
    gateway_.advance(std::chrono::hours(3));
    expire_all(gateway_, 1);
    gateway_.advance(seconds(121));
    expire_all(gateway_, 64);
    const Gauges gauges = gateway_.engine.gauges();
    must(gauges.mappings <= 1 && gauges.sessions == 0 && gauges.dormant == 0);
    must(gauges.datagrams == 0 && gauges.held_bytes == 0 && gauges.held_fragments == 0);
    for (const Gauges::Pool& pool : gauges.pools) must(pool.quarantined == 0 && pool.used <= 1);
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
