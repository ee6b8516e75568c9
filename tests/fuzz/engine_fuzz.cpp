// A live engine between two sides that send anything. The input is a script: packets as they are or in a
// shape that gets past the parser, time, policies. After each step the engine must agree with itself.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <set>
#include <vector>

#include "tests/support/checksums.h"
#include "tests/support/test_gateway.h"
#include "translation/net/wire.h"

using namespace nat;
using namespace nat::test;

namespace {

void must(bool holds) {
  if (!holds) std::abort();
}

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

Policy small_policy() {
  Policy policy = plain_policy();
  policy.external_addresses.push_back(Address(203, 0, 113, 12));
  policy.ports.ranges = {{600, 610}, {2000, 2020}};
  policy.limits = {.mappings = 20,
                   .sessions = 30,
                   .hosts = 6,
                   .mappings_per_host = 8,
                   .sessions_per_host = 12,
                   .sessions_per_mapping = 6,
                   .mapping_rate_per_host = 0,
                   .fragments = 6,
                   .held_fragments = 5,
                   .fragment_bytes = 2000,
                   .icmp_rate = 10,
                   .icmp_burst = 10};
  policy.port_forwards = {{Protocol::tcp, {Address(), 8080}, {Address(10, 0, 0, 1), 80}, "web"}};
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
  return packet;
}

// An error about the last packet that was forwarded.
Octets error_about(const Octets& packet, Script& script) {
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
  fix_ip_checksum(error);
  fix_transport_checksum(error);
  return error;
}

void check(const TestGateway& gateway) {
  const Policy& policy = gateway.engine.policy();
  const Gauges gauges = gateway.engine.gauges();
  must(gauges.datagrams <= policy.limits.fragments);
  must(gauges.held_fragments <= policy.limits.held_fragments);
  must(gauges.held_bytes <= policy.limits.fragment_bytes);
  must(gauges.sessions <= policy.limits.sessions && gauges.mappings <= policy.limits.mappings + 1);
  must(gauges.hosts <= policy.limits.hosts + 1);
  std::set<std::pair<Protocol, Endpoint>> externals;
  std::map<std::uint64_t, MappingView> by_id;
  for (const MappingView& mapping : gateway.mappings()) {
    must(externals.insert({mapping.protocol, mapping.external}).second);
    must(by_id.insert({mapping.id, mapping}).second);
  }
  std::set<std::tuple<Protocol, Endpoint, Endpoint>> sessions;
  for (const SessionView& session : gateway.sessions()) {
    const auto mapping = by_id.find(session.mapping_id);
    must(mapping != by_id.end());
    must(mapping->second.external == session.external && mapping->second.internal == session.internal);
    must(sessions.insert({session.protocol, session.internal, session.remote}).second);
  }
}

void run(Script& script) {
  TestGateway gateway(small_policy());
  Octets last;
  Realm last_out = Realm::external;
  while (!script.done()) {
    const std::uint8_t step = script.byte();
    const Realm in = step & 1U ? Realm::external : Realm::internal;
    Octets packet;
    switch (step >> 1U & 7U) {
      case 0:
        packet = script.bytes(script.byte());
        break;
      case 1:
        gateway.advance(milliseconds(100 * script.byte()));
        if (step & 1U) gateway.engine.expire(gateway.now(), 1 + (step >> 4U));
        continue;
      case 2:
        gateway.change([&](Policy& policy) {
          const std::uint8_t choice = script.byte();
          policy.udp = {static_cast<Behavior>((choice & 3U) % 3),
                        static_cast<Behavior>((choice >> 2U & 3U) % 3)};
          policy.tcp = policy.udp;
          policy.hairpin = (choice & 16U) != 0;
          policy.hairpin_filter = (choice & 32U) != 0;
          if ((choice & 64U) != 0)
            std::swap(policy.external_addresses.front(), policy.external_addresses.back());
          if ((choice & 128U) != 0) policy.port_forwards.clear();
        });
        continue;
      case 3:
        if (last.empty()) continue;
        packet = error_about(last, script);
        break;
      default:
        packet = shaped(script, in);
    }
    const Realm from = (step >> 1U & 7U) == 3 ? last_out : in;
    const Octets before = packet;
    const Outcome outcome = gateway.translate(std::move(packet), from);
    must(outcome.packet.size() == before.size());
    if (!outcome.forwarded() && outcome.reason != Reason::icmp_no_session) must(outcome.packet == before);
    if (outcome.forwarded() && (load16(before.data() + 6) & 0x3fff) == 0) {
      must(ip_checksum_valid(before) == ip_checksum_valid(outcome.packet));
      last = outcome.packet;
      last_out = outcome.out;
    }
    gateway.released();
    check(gateway);
  }
  // Everything runs out, and nothing remains but what is configured.
  gateway.pass(std::chrono::hours(3));
  gateway.pass(seconds(121));
  const Gauges gauges = gateway.engine.gauges();
  must(gauges.mappings <= 1 && gauges.sessions == 0 && gauges.dormant == 0);
  must(gauges.datagrams == 0 && gauges.held_bytes == 0 && gauges.held_fragments == 0);
  for (const Gauges::Pool& pool : gauges.pools) must(pool.quarantined == 0 && pool.used <= 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 4096) return 0;
  Script script(data, size);
  run(script);
  return 0;
}
