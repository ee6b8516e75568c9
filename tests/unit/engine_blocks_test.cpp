// Ports in blocks (RFC 7422 section 2): who has a port follows from the configuration.
#include <set>

#include <gtest/gtest.h>

#include "tests/support/packet_builder.h"
#include "tests/support/test_gateway.h"
#include "translation/ports/port_blocks.h"

namespace nat::test {
namespace {

constexpr auto kOut1 = "192.0.2.31:7000";
const Address kExternal(203, 0, 113, 11);

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
  blocks.configure(fourteen(), 1, {});
  EXPECT_EQ(blocks.share(), 4032);
  EXPECT_EQ(blocks.own(subscriber(1))->ports, (PortRange{1024, 5055}));
  EXPECT_EQ(blocks.own(subscriber(2))->ports, (PortRange{5056, 9087}));
  EXPECT_EQ(blocks.own(subscriber(14))->ports, (PortRange{53440, 57471}));
  EXPECT_FALSE(blocks.own(subscriber(15)));
  EXPECT_EQ(blocks.at(0, 2001)->host, subscriber(1));
  EXPECT_EQ(blocks.at(0, 57471)->host, subscriber(14));
  EXPECT_TRUE(blocks.at(0, 57472)->extra);
  EXPECT_FALSE(blocks.at(0, 1023));
  EXPECT_FALSE(blocks.at(1, 2001));
  for (std::uint32_t port = 1024; port <= 57471; ++port) {
    const auto block = blocks.at(0, static_cast<std::uint16_t>(port));
    ASSERT_EQ(blocks.own(block->host)->ports, block->ports);
    ASSERT_TRUE(block->ports.contains(static_cast<std::uint16_t>(port)));
  }
}

// Over two addresses, seven hosts each: 64512 / (7 + 2) = 7168 ports.
// Rows: B1 B2
TEST(PortBlocks, TwoAddresses) {
  PortBlocks blocks;
  blocks.configure(fourteen(), 2, {});
  EXPECT_EQ(blocks.share(), 7168);
  EXPECT_EQ(blocks.own(subscriber(7))->address_index, 0);
  EXPECT_EQ(blocks.own(subscriber(8))->address_index, 1);
  EXPECT_EQ(blocks.own(subscriber(8))->ports, (PortRange{1024, 8191}));
  EXPECT_EQ(blocks.at(1, 1024)->host, subscriber(8));
}

Policy in_blocks() {
  Policy policy = plain_policy();
  policy.blocks = fourteen();
  policy.blocks.extra_size = 10;
  policy.blocks.extra_per_host = 2;
  return policy;
}

// A host's ports come from its own block, in no order that can be foreseen, until it is full; then from extra
// blocks, each told of once, until it has its most; and all come back when its mappings have ended.
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
TEST(EngineBlocks, Strangers) {
  TestGateway gateway(in_blocks());
  const Outcome out = gateway.from_inside(udp("10.0.0.200:4321", kOut1));
  ASSERT_TRUE(out.forwarded());
  EXPECT_GE(source_of(out.packet).port, 57472);
  EXPECT_EQ(gateway.observed().blocks.size(), 1U);
}

// An extra block whose ports all rest is of no use to its next host, who gets another one.
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
