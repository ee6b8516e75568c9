// RFC 5382 REQ-4: an unwanted SYN meets six seconds of silence at least; an ICMP error follows them only
// where the operator wants it and the internal side has not connected to the SYN's sender meanwhile.
#include <gtest/gtest.h>

#include "tests/support/checksums.h"
#include "tests/support/packet_builder.h"
#include "tests/support/test_gateway.h"

namespace nat::test {
namespace {

constexpr auto kIn1 = "10.0.0.1:4321";
constexpr auto kOut1 = "192.0.2.31:7000";
constexpr auto kOut2 = "192.0.2.32:7000";
constexpr auto kExternal = "203.0.113.11:4321";

Policy answering() {
  Policy policy = plain_policy();
  policy.unsolicited_syn = UnsolicitedSyn::icmp_delayed;
  return policy;
}

Octets syn_from(const char* remote) { return tcp(remote, kExternal, kSyn).sequence(77).build(); }

// A filter in the way, or no mapping at all: the SYN is unwanted either way.
class EngineHeldSyns : public testing::TestWithParam<bool> {
 protected:
  EngineHeldSyns() : gateway(answering()) {
    if (!GetParam()) return;
    gateway.from_inside(tcp(kIn1, "192.0.2.33:80", kSyn));
    gateway.from_outside(tcp("192.0.2.33:80", kExternal, kSyn | kAck));
  }
  Reason expected() const { return GetParam() ? Reason::filtered_by_address : Reason::unsolicited_syn; }

  TestGateway gateway;
};

// Rows: T4
TEST_P(EngineHeldSyns, SixSecondsOfSilenceThenOneErrorThatQuotesTheSyn) {
  const Octets syn = syn_from(kOut1);
  const Outcome outcome = gateway.from_outside(syn);
  EXPECT_EQ(outcome.reason, expected());
  EXPECT_TRUE(outcome.reply.empty());
  EXPECT_EQ(gateway.engine.gauges().held_syns, 1U);
  // The engine's milliseconds are cut off: 6000 of them may be a little less than six seconds.
  gateway.pass(milliseconds(6000));
  EXPECT_TRUE(gateway.replies().empty());
  gateway.pass(milliseconds(1));
  const auto replies = gateway.replies();
  ASSERT_EQ(replies.size(), 1U);
  EXPECT_EQ(source_address_of(replies[0]), address("203.0.113.11"));
  EXPECT_EQ(destination_address_of(replies[0]), address("192.0.2.31"));
  EXPECT_EQ(replies[0][20], 3);
  EXPECT_EQ(replies[0][21], 3);
  EXPECT_EQ(quote_of(replies[0]), syn);
  EXPECT_TRUE(checksums_valid(replies[0]));
  gateway.pass(seconds(100));
  EXPECT_TRUE(gateway.replies().empty());
  EXPECT_EQ(gateway.engine.gauges().held_syns, 0U);
}

// expire() says when to come back: the daemon does not look earlier.
TEST_P(EngineHeldSyns, TheDeadlineIsTold) {
  gateway.from_outside(syn_from(kOut1));
  gateway.advance(milliseconds(5500));
  EXPECT_EQ(gateway.engine.expire(gateway.now(), 1000), gateway.now() + milliseconds(501));
}

// Rows: T4
TEST_P(EngineHeldSyns, ASynFromInsideToTheSenderForgetsItForEver) {
  gateway.from_outside(syn_from(kOut1));
  gateway.pass(seconds(3));
  EXPECT_EQ(gateway.from_inside(tcp(kIn1, kOut1, kSyn)).packet, tcp(kExternal, kOut1, kSyn).build());
  // The retransmission is wanted now: simultaneous open.
  EXPECT_TRUE(gateway.from_outside(syn_from(kOut1)).forwarded());
  gateway.pass(seconds(60));
  EXPECT_TRUE(gateway.replies().empty());
  EXPECT_EQ(gateway.engine.counters().icmp_errors_made, 0U);
}

// One entry for each pair of endpoints: another host's SYN is not forgotten with it.
TEST_P(EngineHeldSyns, ASynFromInsideToSomebodyElseForgetsNothing) {
  gateway.from_outside(syn_from(kOut1));
  gateway.pass(seconds(3));
  gateway.from_inside(tcp(kIn1, kOut2, kSyn));
  gateway.from_inside(tcp(kIn1, "192.0.2.31:7001", kSyn));
  gateway.from_inside(tcp("10.0.0.1:4322", kOut1, kSyn));
  gateway.pass(milliseconds(3001));
  EXPECT_EQ(gateway.replies().size(), 1U);
}

// Rows: T4
TEST_P(EngineHeldSyns, ARetransmissionBeginsTheTimeAnew) {
  for (const int wait : {1, 2, 4}) {
    gateway.from_outside(syn_from(kOut1));
    gateway.pass(seconds(wait));
  }
  // The third was sent at 3 s; now it is 7 s.
  EXPECT_TRUE(gateway.replies().empty());
  EXPECT_EQ(gateway.engine.gauges().held_syns, 1U);
  gateway.pass(milliseconds(2000));
  EXPECT_TRUE(gateway.replies().empty());
  gateway.pass(milliseconds(1));
  EXPECT_EQ(gateway.replies().size(), 1U);
}

// The paper's KT7: SYNs at 0, 1, 3 and 7 s, the host's own at 5 s.
// Rows: T4
TEST_P(EngineHeldSyns, HolePunchingIsNotDisturbed) {
  std::size_t errors = 0;
  const auto until = [&](milliseconds time) {
    gateway.pass(time);
    errors += gateway.replies().size();
  };
  gateway.from_outside(syn_from(kOut1));
  until(seconds(1));
  gateway.from_outside(syn_from(kOut1));
  until(seconds(2));
  gateway.from_outside(syn_from(kOut1));
  until(seconds(2));
  gateway.from_inside(tcp(kIn1, kOut1, kSyn));
  until(seconds(2));
  EXPECT_TRUE(gateway.from_outside(syn_from(kOut1)).forwarded());
  until(seconds(30));
  EXPECT_EQ(errors, 0U);
}

INSTANTIATE_TEST_SUITE_P(Unwanted, EngineHeldSyns, testing::Bool(),
                         [](const auto& param) { return param.param ? "Filtered" : "WithoutMapping"; });

// Rows: T4a
TEST(EngineHeldSynsOff, ByDefaultTheSilenceIsForEver) {
  TestGateway gateway;
  for (int i = 0; i < 30; ++i) {
    EXPECT_TRUE(gateway.from_outside(syn_from(kOut1)).reply.empty());
    gateway.pass(seconds(1));
    EXPECT_TRUE(gateway.replies().empty());
  }
  gateway.pass(seconds(30));
  EXPECT_TRUE(gateway.replies().empty());
}

TEST(EngineHeldSynsOff, GoingBackToSilenceForgetsThemAll) {
  TestGateway gateway(answering());
  gateway.from_outside(syn_from(kOut1));
  gateway.change([](Policy& policy) { policy.unsolicited_syn = UnsolicitedSyn::silent; });
  gateway.pass(seconds(10));
  EXPECT_TRUE(gateway.replies().empty());
  EXPECT_EQ(gateway.engine.gauges().held_syns, 0U);
}

// The newcomer is not held, and counted; those that wait keep their places.
TEST(EngineHeldSynsLimit, AFullTableShutsOutTheNewcomer) {
  Policy policy = answering();
  policy.limits.held_syns = 2;
  TestGateway gateway(policy);
  gateway.from_outside(syn_from(kOut1));
  gateway.from_outside(syn_from(kOut2));
  gateway.from_outside(syn_from("192.0.2.33:7000"));
  gateway.from_outside(syn_from(kOut1));  // held already
  EXPECT_EQ(gateway.engine.counters().syns_not_held, 1U);
  gateway.pass(milliseconds(6001));
  const auto replies = gateway.replies();
  ASSERT_EQ(replies.size(), 2U);
  EXPECT_EQ(destination_address_of(replies[0]), address("192.0.2.32"));
  EXPECT_EQ(destination_address_of(replies[1]), address("192.0.2.31"));
}

TEST(EngineHeldSynsLimit, ErrorsKeepToTheRate) {
  Policy policy = answering();
  policy.limits.icmp_rate = 1;
  policy.limits.icmp_burst = 3;
  TestGateway gateway(policy);
  for (std::uint16_t port = 1; port <= 10; ++port) {
    gateway.from_outside(tcp({address("192.0.2.31"), port}, endpoint(kExternal), kSyn));
  }
  gateway.pass(milliseconds(6001));
  EXPECT_EQ(gateway.replies().size(), 3U);
  EXPECT_EQ(gateway.engine.counters().icmp_errors_suppressed, 7U);
}

// Little by little: a budget of one answers one.
TEST(EngineHeldSynsLimit, ExpiryKeepsToItsBudget) {
  TestGateway gateway(answering());
  for (const char* remote : {kOut1, kOut2}) gateway.from_outside(syn_from(remote));
  gateway.advance(milliseconds(6001));
  EXPECT_EQ(gateway.engine.expire(gateway.now(), 1), gateway.now());
  EXPECT_EQ(gateway.replies().size(), 1U);
}

TEST(EngineHeldSynsLimit, NothingIsSaidFromAnAddressThatIsGone) {
  TestGateway gateway(answering());
  gateway.from_outside(syn_from(kOut1));
  gateway.change([](Policy& policy) { policy.external_addresses = {Address(203, 0, 113, 99)}; });
  gateway.pass(milliseconds(6001));
  EXPECT_TRUE(gateway.replies().empty());
}

// Only SYNs: neither other segments, nor fragments of one, nor SYNs that forge their source.
TEST(EngineHeldSynsLimit, NothingElseIsHeld) {
  TestGateway gateway(answering());
  gateway.from_outside(tcp(kOut1, kExternal, kAck));
  gateway.from_outside(tcp(kOut1, kExternal, kSyn | kAck));
  gateway.from_outside(tcp(kOut1, kExternal, kRst));
  gateway.from_outside(udp(kOut1, kExternal));
  gateway.from_outside(tcp("224.0.0.1:7000", kExternal, kSyn));
  gateway.from_outside(tcp("203.0.113.11:7000", kExternal, kSyn));
  gateway.from_inside(tcp(kIn1, "203.0.113.11:9999", kSyn));
  EXPECT_EQ(gateway.engine.gauges().held_syns, 0U);
}

}  // namespace
}  // namespace nat::test
