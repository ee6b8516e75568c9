// Ports in blocks (RFC 7422 section 2): who has a port follows from the configuration.
#include <array>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "tests/support/packet_builder.h"
#include "tests/support/test_gateway.h"
#include "translation/ports/port_blocks.h"

namespace nat::test {
namespace {

constexpr auto kOut1 = "192.0.2.31:7000";
const Address kExternal(203, 0, 113, 11);
const Address kSecond(203, 0, 113, 12);

Address subscriber(std::uint8_t number) { return {10, 0, 0, number}; }

BlockPolicy fourteen() {
  BlockPolicy policy;
  for (std::uint8_t host = 1; host <= 14; ++host) policy.subscribers.push_back(subscriber(host));
  return policy;
}

// The vector of the catalogue: 14 hosts, two shares left over, 65536 - 1024 ports: 4032 each.
// Rows: B1 B2 B5
TEST(PortBlocks, FourteenHosts) {
  PortBlocks blocks;
  blocks.configure(fourteen(), std::array{kExternal}, {});
  EXPECT_EQ(blocks.share(), 4032);
  EXPECT_EQ(blocks.own(subscriber(1))->ports, (PortRange{1024, 5055}));
  EXPECT_EQ(blocks.own(subscriber(2))->ports, (PortRange{5056, 9087}));
  EXPECT_EQ(blocks.own(subscriber(14))->ports, (PortRange{53440, 57471}));
  EXPECT_FALSE(blocks.own(subscriber(15)));
  EXPECT_EQ(blocks.at(kExternal, 2001)->host, subscriber(1));
  EXPECT_EQ(blocks.at(kExternal, 57471)->host, subscriber(14));
  EXPECT_TRUE(blocks.at(kExternal, 57472)->extra);
  EXPECT_FALSE(blocks.at(kExternal, 1023));
  EXPECT_FALSE(blocks.at(kSecond, 2001));
  for (std::uint32_t port = 1024; port <= 57471; ++port) {
    const auto block = blocks.at(kExternal, static_cast<std::uint16_t>(port));
    ASSERT_EQ(blocks.own(block->host)->ports, block->ports);
    ASSERT_TRUE(block->ports.contains(static_cast<std::uint16_t>(port)));
  }
}

// Over two addresses, seven hosts each: 64512 / (7 + 2) = 7168 ports.
// Rows: B1 B2
TEST(PortBlocks, TwoAddresses) {
  PortBlocks blocks;
  blocks.configure(fourteen(), std::array{kExternal, kSecond}, {});
  EXPECT_EQ(blocks.share(), 7168);
  EXPECT_EQ(blocks.own(subscriber(7))->external, kExternal);
  EXPECT_EQ(blocks.own(subscriber(8))->external, kSecond);
  EXPECT_EQ(blocks.own(subscriber(8))->ports, (PortRange{1024, 8191}));
  EXPECT_EQ(blocks.at(kSecond, 1024)->host, subscriber(8));
}

PortSet gateway_ports() {
  PortSet ports;
  for (std::size_t port = 60000; port < 61000; ++port) ports.set(port);
  return ports;
}

std::size_t usable_in(PortRange range, const PortSet& reserved) {
  std::size_t usable = 0;
  for (std::size_t port = range.first; port <= range.last; ++port) usable += reserved[port] ? 0 : 1;
  return usable;
}

// Ports of the gateway are no part of the division: (64512 - 1000) / (14 + 2) = 3969 ports for each of 14,
// and (64512 - 1000) / (1024 + 2) = 61 for each of 1024, wherever the gateway's ports lie.
// Rows: B1 B5
TEST(PortBlocks, EverySubscriberHasAsManyUsablePorts) {
  const PortSet reserved = gateway_ports();
  for (const auto& [subscribers, share] : {std::pair{14U, 3969U}, std::pair{1024U, 61U}}) {
    BlockPolicy policy;
    for (std::uint32_t host = 1; host <= subscribers; ++host) {
      policy.subscribers.emplace_back(0x0a000000U + host);
    }
    PortBlocks blocks;
    blocks.configure(policy, std::array{kExternal}, reserved);
    EXPECT_EQ(blocks.share(), share);
    PortSet owned;
    for (const Address host : policy.subscribers) {
      const PortRange ports = blocks.own(host)->ports;
      ASSERT_EQ(usable_in(ports, reserved), share) << host.to_string();
      for (std::size_t port = ports.first; port <= ports.last; ++port) {
        if (reserved[port]) continue;
        ASSERT_FALSE(owned[port]) << port << " belongs to two";
        owned.set(port);
        ASSERT_EQ(blocks.at(kExternal, static_cast<std::uint16_t>(port))->host, host);
      }
    }
  }
}

// Neither a subscriber's nor an extra block's; and every extra block is of full use.
// Rows: B2 B5
TEST(PortBlocks, PortsOfTheGatewayAreNobodys) {
  const PortSet reserved = gateway_ports();
  BlockPolicy policy = fourteen();
  policy.extra_size = 100;
  PortBlocks blocks;
  blocks.configure(policy, std::array{kExternal}, reserved);
  std::size_t extras = 0;
  for (std::uint32_t port = 0; port <= 65535; ++port) {
    const auto block = blocks.at(kExternal, static_cast<std::uint16_t>(port));
    if (port < 1024 || reserved[port]) {
      ASSERT_FALSE(block) << port;
    }
    if (!block) continue;
    ASSERT_FALSE(block->host.broadcast()) << port;
    if (!block->extra) continue;
    ASSERT_TRUE(block->host.unspecified());
    ASSERT_EQ(usable_in(block->ports, reserved), 100U);
    extras += block->ports.first == port ? 1 : 0;
  }
  EXPECT_EQ(extras, (64512U - 1000U - 14U * 3969U) / 100U);
}

// Too many for the ports: no host has a block of its own, and what is given out is an event as ever.
// Rows: B4
TEST(PortBlocks, WithoutAShareThereAreExtraBlocks) {
  BlockPolicy policy;
  for (std::uint32_t host = 0; host < 64512; ++host) policy.subscribers.emplace_back(0x0a000000U + host);
  PortBlocks blocks;
  blocks.configure(policy, std::array{kExternal}, gateway_ports());
  EXPECT_TRUE(blocks.on());
  EXPECT_FALSE(blocks.own(subscriber(1)));
  const auto given = blocks.grow(kExternal, subscriber(1), [](PortRange) { return true; });
  ASSERT_TRUE(given);
  EXPECT_EQ(blocks.at(kExternal, given->ports.first)->host, subscriber(1));
}

Policy in_blocks() {
  Policy policy = plain_policy();
  policy.blocks = fourteen();
  policy.blocks.extra_size = 10;
  policy.blocks.extra_per_host = 2;
  return policy;
}

// A host's ports come from its own block, in no order that can be foreseen, until it is full; then from extra
// blocks, each in one event, until it has its most; and all come back when its mappings have ended.
// Rows: B3 B4 B6 C14
TEST(EngineBlocks, OwnFirstThenExtra) {
  TestGateway gateway(in_blocks());
  std::set<std::uint16_t> ports;
  bool rising = true;
  std::uint16_t last = 0;
  for (std::uint32_t i = 0; i < 4032; ++i) {
    const Endpoint from{subscriber(2), static_cast<std::uint16_t>(2000 + i)};
    const Outcome out = gateway.from_inside(udp(from, endpoint(kOut1)));
    ASSERT_TRUE(out.forwarded());
    const std::uint16_t port = source_of(out.packet).port;
    ASSERT_TRUE((PortRange{5056, 9087}.contains(port)));
    rising = rising && port > last;
    last = port;
    ports.insert(port);
  }
  EXPECT_EQ(ports.size(), 4032U);
  EXPECT_FALSE(rising);
  EXPECT_TRUE(gateway.observed().blocks.empty());

  for (std::uint16_t i = 0; i < 20; ++i) {
    const Outcome out =
        gateway.from_inside(udp({subscriber(2), static_cast<std::uint16_t>(10000 + i)}, endpoint(kOut1)));
    ASSERT_TRUE(out.forwarded());
    EXPECT_GE(source_of(out.packet).port, 57472);
  }
  ASSERT_EQ(gateway.observed().blocks.size(), 2U);
  EXPECT_EQ(gateway.observed().blocks[0].first.host, subscriber(2));
  EXPECT_EQ(gateway.observed().blocks[0].first.ports, (PortRange{57472, 57481}));
  EXPECT_EQ(gateway.observed().blocks[1].first.ports, (PortRange{57482, 57491}));
  EXPECT_EQ(gateway.engine.blocks_of(subscriber(2)).size(), 3U);
  EXPECT_EQ(gateway.from_inside(udp("10.0.0.2:20000", kOut1)).reason, Reason::ports_exhausted);
  EXPECT_TRUE(gateway.from_inside(udp("10.0.0.3:20000", kOut1)).forwarded());

  const Outcome ping = gateway.from_inside(echo("10.0.0.4", "192.0.2.31", 77));
  EXPECT_TRUE((PortRange{13120, 17151}.contains(identifier_of(ping.packet))));

  gateway.pass(seconds(400));
  gateway.sweep();
  ASSERT_EQ(gateway.observed().blocks.size(), 4U);
  EXPECT_FALSE(gateway.observed().blocks[3].second);
  EXPECT_EQ(gateway.engine.blocks_of(subscriber(2)).size(), 1U);
}

// Whose a port is: by arithmetic, by an extra block, by the mapping that has it or had it last.
// Rows: B2
TEST(EngineBlocks, WhoseIsIt) {
  TestGateway gateway(in_blocks());
  const auto free = gateway.engine.port_use({kExternal, 2001}, gateway.now());
  ASSERT_TRUE(free && free->block);
  EXPECT_EQ(free->block->host, subscriber(1));
  EXPECT_TRUE(free->holders.empty());
  EXPECT_FALSE(gateway.engine.port_use({address("203.0.113.12"), 2001}, gateway.now()));

  const Endpoint external = source_of(gateway.from_inside(udp("10.0.0.2:4321", kOut1)).packet);
  const auto held = gateway.engine.port_use(external, gateway.now());
  ASSERT_EQ(held->holders.size(), 1U);
  EXPECT_EQ(held->holders[0].internal, endpoint("10.0.0.2:4321"));
  EXPECT_FALSE(held->holders[0].quarantined);
  gateway.pass(seconds(302));
  const auto rested = gateway.engine.port_use(external, gateway.now());
  ASSERT_EQ(rested->holders.size(), 1U);
  EXPECT_TRUE(rested->holders[0].quarantined);
}

// A host that is no subscriber lives on extra blocks.
// Rows: B4
TEST(EngineBlocks, HostsThatAreNoSubscribers) {
  TestGateway gateway(in_blocks());
  const Outcome out = gateway.from_inside(udp("10.0.0.200:4321", kOut1));
  ASSERT_TRUE(out.forwarded());
  EXPECT_GE(source_of(out.packet).port, 57472);
  EXPECT_EQ(gateway.observed().blocks.size(), 1U);
}

// No host has a block that no event names, and no event names one that no host has.
void expect_balance(TestGateway& gateway, std::size_t outstanding) {
  std::map<Endpoint, Address> given;
  for (const auto& [block, is_given] : gateway.observed().blocks) {
    const Endpoint place{block.external, block.ports.first};
    if (is_given) {
      EXPECT_TRUE(given.emplace(place, block.host).second) << "given twice";
    } else {
      EXPECT_EQ(given[place], block.host) << "another host's came back";
      given.erase(place);
    }
  }
  EXPECT_EQ(given.size(), outstanding);
}

Outcome from(TestGateway& gateway, Address host, std::uint16_t port) {
  return gateway.from_inside(udp(Endpoint{host, port}, endpoint(kOut1)));
}

// A host whose address has no spare block left gets one of another address; all of them come back, and its
// limit is one for all addresses. 64003 ports for 1000 subscribers: 64 each are 64000, so that an address has
// three extra blocks of one port.
// Rows: B4 B6
TEST(EngineBlocks, BlocksOnEveryAddressComeBack) {
  Policy policy = in_blocks();
  policy.external_addresses = {kExternal, kSecond};
  policy.soft_pairing = true;
  policy.blocks.dynamic = 0;
  policy.blocks.extra_size = 1;
  policy.blocks.extra_per_host = 5;
  for (std::uint32_t host = 15; host <= 2000; ++host)
    policy.blocks.subscribers.emplace_back(0x0a000000U + host);
  for (std::size_t port = 65027; port < 65536; ++port) policy.reserved_ports.set(port);
  TestGateway gateway(policy);
  const Address stranger(10, 9, 9, 9);
  std::set<Address> addresses;
  for (std::uint16_t port = 1; port <= 5; ++port) {
    addresses.insert(source_address_of(from(gateway, stranger, port).packet));
  }
  EXPECT_EQ(addresses.size(), 2U);
  expect_balance(gateway, 5);
  EXPECT_EQ(gateway.engine.blocks_of(stranger).size(), 5U);
  EXPECT_EQ(from(gateway, stranger, 6).reason, Reason::ports_exhausted);
  gateway.pass(seconds(400));
  expect_balance(gateway, 0);
  EXPECT_TRUE(gateway.engine.blocks_of(stranger).empty());
}

// Rows: B4 B6
TEST(EngineBlocks, BlocksOfALostAddressComeBack) {
  TestGateway gateway(in_blocks());
  ASSERT_TRUE(from(gateway, address("10.0.0.200"), 1).forwarded());
  gateway.change([](Policy& policy) { policy.external_addresses = {kSecond}; });
  ASSERT_EQ(gateway.observed().blocks.size(), 2U);
  EXPECT_EQ(gateway.observed().blocks[1].first.external, kExternal);
  EXPECT_EQ(gateway.observed().blocks[1].first.host, address("10.0.0.200"));
  expect_balance(gateway, 0);
  // The host goes on at the new address.
  ASSERT_TRUE(from(gateway, address("10.0.0.200"), 1).forwarded());
  expect_balance(gateway, 1);
  gateway.pass(seconds(400));
  expect_balance(gateway, 0);
}

// With one address more all is divided anew. What lies in another's block now would be taken for his: it
// ends.
// Rows: B2 B4
TEST(EngineBlocks, ANewDivisionEndsWhatIsNobodysAnyLonger) {
  TestGateway gateway(in_blocks());
  ASSERT_TRUE(from(gateway, address("10.0.0.200"), 1).forwarded());
  ASSERT_TRUE(from(gateway, subscriber(1), 1).forwarded());
  ASSERT_TRUE(from(gateway, subscriber(9), 1).forwarded());
  // 10.0.0.1 had 1024 to 5055 and has 1024 to 8191 now; 10.0.0.9 moves to the second address.
  gateway.change([](Policy& policy) { policy.external_addresses = {kExternal, kSecond}; });
  expect_balance(gateway, 0);
  ASSERT_EQ(gateway.mappings().size(), 1U);
  EXPECT_EQ(gateway.mappings()[0].internal.address, subscriber(1));
  for (const MappingView& mapping : gateway.mappings()) {
    EXPECT_EQ(gateway.engine.port_use(mapping.external, gateway.now())->block->host,
              mapping.internal.address);
  }
  gateway.sweep();
  EXPECT_EQ(source_address_of(from(gateway, subscriber(9), 1).packet), kSecond);
}

// An extra block is of its address, wherever that stands in the pool.
// Rows: B2 B4
TEST(EngineBlocks, TheOrderOfThePoolMovesNoExtraBlock) {
  Policy policy = in_blocks();
  policy.external_addresses = {kExternal, kSecond};
  TestGateway gateway(policy);
  const Endpoint external = source_of(from(gateway, address("10.0.0.200"), 1).packet);
  gateway.change(
      [](Policy& changed) { std::swap(changed.external_addresses[0], changed.external_addresses[1]); });
  EXPECT_EQ(gateway.mappings().size(), 1U);
  expect_balance(gateway, 1);
  EXPECT_EQ(gateway.engine.port_use(external, gateway.now())->block->host, address("10.0.0.200"));
  gateway.pass(seconds(400));
  expect_balance(gateway, 0);
}

// What the operator asks for lasts, and needs no block.
// Rows: B4
TEST(EngineBlocks, APortForwardKeepsNoBlock) {
  Policy policy = in_blocks();
  TestGateway gateway(policy);
  gateway.set_forwards({{Protocol::tcp, {kExternal, 80}, {address("10.0.0.200"), 80}, "web"}});
  ASSERT_TRUE(from(gateway, address("10.0.0.200"), 1).forwarded());
  expect_balance(gateway, 1);
  gateway.pass(seconds(400));
  EXPECT_EQ(gateway.mappings().size(), 1U);
  expect_balance(gateway, 0);
}

// An extra block whose ports are all in quarantine is of no use to its next host, who gets another one.
// Rows: B4 C8
TEST(EngineBlocks, ABlockAtRestIsPassedOver) {
  Policy policy = in_blocks();
  policy.blocks.extra_size = 1;
  TestGateway gateway(policy);
  const Endpoint first = source_of(gateway.from_inside(udp("10.0.0.200:4321", kOut1)).packet);
  gateway.pass(seconds(302));
  ASSERT_EQ(gateway.observed().blocks.size(), 2U);
  const Endpoint second = source_of(gateway.from_inside(udp("10.0.0.201:4321", kOut1)).packet);
  EXPECT_NE(second, first);
  EXPECT_EQ(gateway.engine.blocks_of(address("10.0.0.201")).size(), 1U);
  EXPECT_EQ(gateway.observed().blocks.size(), 3U);
}

// So is one whose ports sockets of the gateway have.
// Rows: B4
TEST(EngineBlocks, AnOccupiedBlockIsPassedOver) {
  Policy policy = in_blocks();
  policy.blocks.extra_size = 1;
  TestGateway gateway(policy);
  gateway.host.sockets.insert({Protocol::udp, 57472});
  EXPECT_EQ(source_of(gateway.from_inside(udp("10.0.0.200:4321", kOut1)).packet).port, 57473);
  EXPECT_EQ(source_of(gateway.from_inside(tcp("10.0.0.201:4321", kOut1, kSyn)).packet).port, 57472);
  EXPECT_EQ(gateway.observed().blocks.size(), 2U);
}

}  // namespace
}  // namespace nat::test
