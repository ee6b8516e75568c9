// The pool of external addresses under policies that change.
#include "translation/ports/pool.h"

#include <gtest/gtest.h>

namespace nat::test {
namespace {

using std::chrono::seconds;

constexpr TimePoint kNow{seconds(1000)};
constexpr Endpoint kHost{Address(10, 0, 0, 1), 2000};

class PoolTest : public testing::Test {
 protected:
  PoolTest() {
    policy.external_addresses = {Address(203, 0, 113, 11)};
    policy.ports.ranges = {{2000, 2009}};
    configure();
  }
  void configure() {
    profiles.configure(policy);
    pool.configure(policy, profiles);
  }
  PortPool& udp(std::uint16_t index = 0) { return pool[index].of(Protocol::udp); }
  PortPool& icmp() { return pool[0].of(Protocol::icmp); }

  SeededRandom random{1};
  Policy policy;
  Profiles profiles;
  Pool pool{random, {1, 2}};
};

// Whatever else of the policy changes.
TEST_F(PoolTest, PortsThatStayTheSameKeepTheirState) {
  ASSERT_TRUE(udp().take(2000, kHost));
  ASSERT_TRUE(udp().take(2001, kHost));
  udp().release(2001, kHost, kNow + seconds(60), kNow);
  policy.hairpin = !policy.hairpin;
  policy.external_addresses.insert(policy.external_addresses.begin(), Address(203, 0, 113, 12));
  configure();
  EXPECT_EQ(udp(0).free_in(PortRange{1, 65535}), 10U) << "a new address has all of them";
  EXPECT_EQ(udp(1).used(), 1U);
  EXPECT_EQ(udp(1).quarantined_owner(2001), kHost);
  EXPECT_EQ(udp(1).free_in(PortRange{1, 65535}), 8U);
}

TEST_F(PoolTest, OtherRangesHoldAtOnce) {
  policy.ports.ranges = {{3000, 3004}};
  configure();
  EXPECT_EQ(udp().capacity(), 5U);
  EXPECT_FALSE(udp().free(2000));
  EXPECT_TRUE(udp().free(3000));
}

TEST_F(PoolTest, PortsOfARuleHoldAtOnce) {
  policy.host_rules.resize(1);
  policy.host_rules[0].own_ports = true;
  policy.host_rules[0].profile.ports.ranges = {{4000, 4000}};
  configure();
  EXPECT_EQ(udp().capacity(), 11U);
}

TEST_F(PoolTest, PortsOfTheGatewayHoldAtOnceButForIdentifiers) {
  policy.reserved_ports.set(2004);
  configure();
  EXPECT_FALSE(udp().free(2004));
  EXPECT_TRUE(icmp().free(2004));
  policy.reserved_ports.reset();
  configure();
  EXPECT_TRUE(udp().free(2004));
}

TEST_F(PoolTest, HowManyMayRestHoldsAtOnce) {
  policy.quarantine_share = 50;
  configure();
  for (std::uint16_t port = 2000; port < 2010; ++port) {
    ASSERT_TRUE(udp().take(port, kHost));
    udp().release(port, kHost, kNow + seconds(60), kNow);
  }
  EXPECT_EQ(udp().quarantined(), 5U);
}

// Ports of every address wake when their own quarantine ends, as far as the budget goes; also after a change.
TEST_F(PoolTest, WakesThePortsOfEveryAddress) {
  policy.external_addresses = {Address(203, 0, 113, 11), Address(203, 0, 113, 12), Address(203, 0, 113, 13)};
  configure();
  const auto rest = [&](std::uint16_t index, int how_long) {
    ASSERT_TRUE(udp(index).take(2000, kHost));
    pool.release(index, Protocol::udp, 2000, kHost, kNow + seconds(how_long), kNow);
  };
  rest(0, 3600);
  rest(1, 120);
  rest(2, 60);
  std::swap(policy.external_addresses[0], policy.external_addresses[1]);
  configure();
  unsigned budget = 10;
  pool.wake(kNow + seconds(119), budget);
  EXPECT_TRUE(udp(2).free(2000));
  EXPECT_FALSE(udp(0).free(2000));
  budget = 0;
  pool.wake(kNow + seconds(120), budget);
  EXPECT_FALSE(udp(0).free(2000)) << "nothing was allowed";
  budget = 10;
  pool.wake(kNow + seconds(120), budget);
  EXPECT_EQ(budget, 9U);
  EXPECT_TRUE(udp(0).free(2000));
  EXPECT_FALSE(udp(1).free(2000));
}

TEST_F(PoolTest, FindsEachOfManyAddresses) {
  policy.external_addresses.clear();
  for (std::uint32_t i = 0; i < 1024; ++i) policy.external_addresses.emplace_back(0xcb007100U + 3 * i);
  configure();
  for (std::uint16_t i = 0; i < 1024; ++i) {
    EXPECT_EQ(pool.index_of(policy.external_addresses[i]), i);
    EXPECT_EQ(pool[i].address, policy.external_addresses[i]);
  }
  EXPECT_FALSE(pool.contains(Address(0xcb007101U)));
}

// One division for all protocols: an identifier leads to its host as a port does.
// Rows: B2 B5
TEST_F(PoolTest, IdentifiersOfTheGatewaysPortsAreInNoBlock) {
  policy.reserved_ports.set(2004);
  policy.blocks.subscribers = {kHost.address};
  configure();
  EXPECT_FALSE(icmp().free(2004));
}

TEST_F(PoolTest, BlocksHoldAtOnce) {
  policy.blocks.subscribers = {kHost.address};
  configure();
  EXPECT_EQ(udp().capacity(), 64512U);
}

}  // namespace
}  // namespace nat::test
