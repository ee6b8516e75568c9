// snapshot_seeds DIRECTORY: writes inputs of snapshot_fuzz there, each a snapshot of an engine that something
// has happened to.
#include <cstdio>
#include <fstream>

#include "tests/fuzz/snapshot_world.h"
#include "tests/support/packet_builder.h"
#include "tests/support/snapshot_records.h"

namespace nat::test {
namespace {

constexpr const char* kOut1 = "192.0.2.31:2000";
constexpr const char* kOut2 = "192.0.2.32:2001";

void some_udp(TestGateway& gateway) {
  gateway.from_inside(udp("10.0.0.1:2003", kOut1));
  gateway.from_outside(udp(kOut1, "203.0.113.11:2003"));
  gateway.from_inside(udp("10.0.0.2:2003", kOut2));
  gateway.from_inside(echo("10.0.0.3", "192.0.2.33", 2004));
}

// One session of a mapping runs out before the other.
void some_dormant(TestGateway& gateway) {
  gateway.from_inside(udp("10.0.0.1:2003", kOut1));
  gateway.pass(seconds(200));
  gateway.from_inside(udp("10.0.0.1:2003", kOut2));
  gateway.pass(seconds(150));
}

void some_tcp(TestGateway& gateway) {
  gateway.from_inside(tcp("10.0.0.1:2005", kOut1, kSyn));
  gateway.from_outside(tcp(kOut1, "203.0.113.11:2005", kSyn | kAck));
  gateway.from_inside(tcp("10.0.0.1:2005", kOut1, kAck));
  gateway.from_inside(tcp("10.0.0.2:2006", kOut2, kSyn));
  gateway.from_inside(tcp("10.0.0.3:2007", kOut2, kSyn));
  gateway.from_outside(tcp(kOut2, "203.0.113.11:2007", kRst | kAck));
}

void some_static(TestGateway& gateway) {
  gateway.set_forwards({{Protocol::tcp, endpoint("0.0.0.0:2001"), endpoint("10.0.0.1:80"), "web"}});
  gateway.map({.protocol = Protocol::udp,
               .internal = endpoint("10.0.0.4:5"),
               .external = {Address(), 2002},
               .origin = Origin::leased,
               .owner = 3,
               .lifetime = seconds(20),
               .name = "lease"});
  gateway.from_outside(udp(kOut1, "203.0.113.11:2002"));
  gateway.from_inside(udp("10.0.0.4:5", kOut1));
}

void some_quarantine(TestGateway& gateway) {
  some_udp(gateway);
  gateway.pass(seconds(301));
}

void more_than_a_block(TestGateway& gateway) {
  for (const char* host : {"10.0.0.1:2000", "10.0.0.1:2001", "10.0.0.1:2002", "10.0.0.2:2003"}) {
    gateway.from_inside(udp(host, kOut1));
  }
}

// Without the counters, which are the longest record by far, and do nothing.
Octets input_of(std::uint8_t choices, const TestGateway& gateway) {
  std::vector<Octets> records = records_of(gateway.snapshot());
  std::erase_if(records, [](const Octets& record) {
    return record.front() == static_cast<std::uint8_t>(SnapshotRecord::counters);
  });
  // A packet from each side, a while, and room for more.
  Octets script = {0, 2, 0xe3, 1, 0, 1, 3, 0xe3, 1, 0, 2, 50, 0, 2, 0xe3, 1, 0};
  script.resize(120);
  Octets input = {choices, 0, static_cast<std::uint8_t>(script.size())};
  input.insert(input.end(), script.begin(), script.end());
  const Octets snapshot = sealed(records);
  input.insert(input.end(), snapshot.begin(), snapshot.end());
  return input;
}

}  // namespace
}  // namespace nat::test

using namespace nat::test;

int main(int count, char** arguments) {
  if (count != 2) return std::fputs("usage: snapshot_seeds DIRECTORY\n", stderr), 2;
  struct Seed {
    const char* name;
    std::uint8_t choices;
    void (*happens)(TestGateway&);
  };
  constexpr Seed kSeeds[] = {{"udp", 0, some_udp},
                             {"dormant", 0, some_dormant},
                             {"tcp", kEndpointIndependentFiltering, some_tcp},
                             {"static", kSecondAddress, some_static},
                             {"quarantine", kSecondAddress, some_quarantine},
                             {"blocks", kBlocks, more_than_a_block},
                             {"blocks-of-two", kBlocks | kSecondAddress, more_than_a_block},
                             {"empty", 0, [](TestGateway&) {}}};
  for (const Seed& seed : kSeeds) {
    TestGateway gateway(snapshot_policy(seed.choices, 0));
    seed.happens(gateway);
    const Octets input = input_of(seed.choices, gateway);
    std::ofstream file(std::string(arguments[1]) + "/" + seed.name, std::ios::binary);
    file.write(reinterpret_cast<const char*>(input.data()), static_cast<std::streamsize>(input.size()));
    if (!file) return std::perror(seed.name), 1;
  }
  return 0;
}
