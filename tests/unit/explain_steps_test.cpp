// Engine::explain where the packet passes, is a fragment, turns back, or hangs on a port that is yet to be
// chosen.
#include <algorithm>

#include <gtest/gtest.h>

#include "tests/support/fragments.h"
#include "tests/support/packet_builder.h"
#include "tests/unit/explain_scenario.h"

namespace nat::test {
namespace {

TEST(Explain, ComesTrueForWhatPasses) {
  TestGateway gateway;
  gateway.host.sockets = {{Protocol::udp, 53}, {Protocol::icmp, 0}};
  Explanation told;
  const auto expect = [&](Reason reason, const Octets& packet, Realm in) {
    EXPECT_STREQ(to_string(ask_and_do(gateway, packet, in, told).reason), to_string(reason));
    EXPECT_EQ(told.remedy, "");
  };
  expect(Reason::translated, udp(kIn1, kOut1), Realm::internal);
  expect(Reason::translated, udp(kIn1, kOut2), Realm::internal);
  expect(Reason::translated, udp(kOut1, kExternal), Realm::external);
  expect(Reason::hairpinned, udp(kIn2, kExternal), Realm::internal);
  expect(Reason::hairpinned, udp(kIn1, kExternal), Realm::internal);
  expect(Reason::gateway_traffic, udp(kOut1, "203.0.113.11:53"), Realm::external);
  expect(Reason::not_ours, udp(kOut1, "192.0.2.99:53"), Realm::external);
  expect(Reason::translated, tcp(kIn1, kOut1, kSyn), Realm::internal);
  expect(Reason::translated, echo("10.0.0.1", "192.0.2.31", 700), Realm::internal);
  expect(Reason::translated, echo_reply("192.0.2.31", "203.0.113.11", 700), Realm::external);
  expect(Reason::gateway_traffic, echo("192.0.2.31", "203.0.113.11", 700), Realm::external);
  expect(Reason::translated, error_about(udp(kExternal, kOut1)), Realm::external);
  expect(Reason::translated, icmp_error("10.0.0.1", "192.0.2.31", 3, 3, udp(kOut1, kIn1)), Realm::internal);
  // 10.0.0.2 sent to the external endpoint of 10.0.0.1, which has no such port any more.
  const Octets arrived = udp("203.0.113.11:4322", kIn1);
  expect(Reason::hairpinned, icmp_error("10.0.0.1", "203.0.113.11", 3, 3, arrived), Realm::internal);
  const auto datagram = pieces(kIn1, kOut1);
  expect(Reason::fragment_held, datagram[2], Realm::internal);
  expect(Reason::translated, datagram[0], Realm::internal);
  expect(Reason::translated, datagram[1], Realm::internal);
}

TEST(Explain, AHeldFragmentIsExplainedWhenItIsGivenUp) {
  TestGateway gateway;
  Explanation told;
  EXPECT_EQ(ask_and_do(gateway, pieces(kIn1, kOut1)[1], Realm::internal, told).reason, Reason::fragment_held);
  EXPECT_TRUE(gateway.observed().explanations.empty());
  gateway.pass(seconds(2));
  ASSERT_EQ(gateway.released().size(), 1U);
  ASSERT_EQ(gateway.observed().explanations.size(), 1U);
  const Explanation& after = gateway.observed().explanations[0];
  EXPECT_EQ(after.reason, Reason::fragment_timeout);
  EXPECT_EQ(after.source.address, address("10.0.0.1"));
  // With the remedy, the first fragment that comes after those two seconds is in time.
  TestGateway patient(assigned(plain_policy(), after.setting));
  patient.from_inside(pieces(kIn1, kOut1)[1]);
  patient.pass(seconds(2));
  patient.from_inside(pieces(kIn1, kOut1)[0]);
  const auto released = patient.released();
  ASSERT_EQ(released.size(), 1U);
  EXPECT_TRUE(released[0].second.forwarded());
}

// Of the three limits that a fragment can meet the trace says which, whether it is refused or given up for
// another.
TEST(Explain, NamesTheLimitThatAFragmentMet) {
  Policy policy = plain_policy();
  policy.limits.held_fragments = 1;
  TestGateway gateway(policy);
  Explanation told;
  ask_and_do(gateway, pieces(kIn1, kOut1)[1], Realm::internal, told);
  EXPECT_EQ(ask_and_do(gateway, pieces(kIn1, kOut1)[2], Realm::internal, told).reason,
            Reason::fragment_limit);
  EXPECT_EQ(told.setting, "limits.held-fragments=3");
  ask_and_do(gateway, pieces(kIn2, kOut1)[1], Realm::internal, told);
  ASSERT_EQ(gateway.released().size(), 1U);
  EXPECT_EQ(gateway.observed().explanations.back().source.address, address("10.0.0.1"));
  EXPECT_EQ(gateway.observed().explanations.back().setting, "limits.held-fragments=3");
}

// The fragment that makes a refused datagram complete is explained by its first one all the same.
TEST(Explain, TheLastFragmentOfARefusedDatagramFollowsTheFirst) {
  Policy policy = plain_policy();
  policy.external_addresses.clear();
  TestGateway gateway(policy);
  for (const Octets& piece : pieces(kIn1, kOut1)) gateway.from_inside(piece);
  const Explanation& last = gateway.observed().explanations.back();
  EXPECT_EQ(last.reason, Reason::fragment_of_refused);
  const auto step = std::find_if(last.steps.begin(), last.steps.end(),
                                 [](const Step& each) { return each.name == std::string("fragments"); });
  ASSERT_NE(step, last.steps.end());
  EXPECT_EQ(step->detail, "follows its first fragment: no-external-address");
}

// A refused fragment leaves no trace, so that a second one like it is refused for the same reason.
TEST(Explain, ARefusedFragmentOccupiesNothing) {
  Policy policy = plain_policy();
  policy.limits.fragment_bytes = 1000;
  TestGateway gateway(policy);
  for (int i = 0; i < 2; ++i) {
    Explanation told;
    EXPECT_EQ(ask_and_do(gateway, pieces(kIn1, kOut1)[1], Realm::internal, told).reason,
              Reason::fragment_limit);
  }
}

// To count hops is the router's part, not the engine's; but who asks wants to know, unless the router has had
// its part before.
TEST(Explain, NamesATimeToLiveThatEndsHere) {
  TestGateway gateway;
  gateway.host.sockets = {{Protocol::icmp, 0}};
  const auto told = [&](Octets packet, Realm in, bool hop_counted) {
    return gateway.engine.explain({.octets = packet, .hop_counted = hop_counted}, in, gateway.now());
  };
  const Octets last = udp(kIn1, kOut1).ttl(1);
  const Explanation here = told(last, Realm::internal, false);
  EXPECT_EQ(here.reason, Reason::ttl_expired);
  EXPECT_TRUE(here.remedy.starts_with("none: ")) << here.remedy;
  EXPECT_TRUE(std::any_of(here.steps.begin(), here.steps.end(),
                          [](const Step& step) { return step.name == "ttl" && step.outcome == "deny"; }));
  EXPECT_EQ(told(last, Realm::internal, true).reason, Reason::translated);
  EXPECT_EQ(told(udp(kIn1, kOut1).ttl(2), Realm::internal, false).reason, Reason::translated);
  EXPECT_EQ(told(udp(kOut1, kNowhere).ttl(1), Realm::external, false).reason, Reason::no_mapping);
  EXPECT_EQ(told(echo("192.0.2.31", "203.0.113.11", 5).ttl(1), Realm::external, false).reason,
            Reason::gateway_traffic);
}

// A hairpinned packet may need two sessions, and the second is judged as if the first were there.
TEST(Explain, CountsBothHalvesOfAHairpinnedPacket) {
  Explanation told;
  for (const std::uint32_t most : {2U, 3U}) {
    const Reason expected = most == 2 ? Reason::host_session_limit : Reason::hairpinned;
    Policy policy = plain_policy();
    policy.limits.sessions_per_host = most;
    TestGateway gateway(policy);
    gateway.from_inside(tcp(kIn1, kOut1, kSyn));
    ask_and_do(gateway, tcp("10.0.0.1:5", kExternal, kSyn), Realm::internal, told);
    EXPECT_STREQ(to_string(told.reason), to_string(expected));
    policy = plain_policy();
    policy.limits.sessions = most;
    TestGateway crowded(policy);
    crowded.from_inside(tcp(kIn1, kOut1, kSyn));
    ask_and_do(crowded, tcp(kIn2, kExternal, kSyn), Realm::internal, told);
    EXPECT_STREQ(to_string(told.reason), to_string(most == 2 ? Reason::session_limit : Reason::hairpinned));
  }
}

// in1 has spoken to the external endpoint that in2 had, and in2's mapping is gone.
void part_from_in2(TestGateway& gateway) {
  open_mapping(gateway);
  const Endpoint external = source_of(gateway.from_inside(udp(kIn2, kOut1)).packet);
  gateway.from_inside(udp(endpoint(kIn1), external));
  std::uint64_t cursor = 0;
  gateway.engine.flush(
      cursor, 1000, [&](const MappingView& mapping) { return mapping.external == external; }, gateway.now());
}

bool hangs_on_the_draw(const Explanation& told) {
  return std::any_of(told.steps.begin(), told.steps.end(),
                     [](const Step& step) { return step.name == "port" && step.outcome == "unknown"; });
}

// The port that a mapping will keep is known, and with it what others have to do with that endpoint.
TEST(Explain, KnowsThePortThatIsKept) {
  Explanation told;
  Policy policy = plain_policy();
  policy.hairpin_filter = true;
  policy.udp.filtering = Behavior::address_and_port_dependent;
  TestGateway filtered(policy);
  part_from_in2(filtered);
  ask_and_do(filtered, udp(kIn2, kExternal), Realm::internal, told);
  EXPECT_STREQ(to_string(told.reason), "hairpinned");
  EXPECT_EQ(told.source, endpoint("203.0.113.11:4322"));
  EXPECT_FALSE(hangs_on_the_draw(told));

  policy = plain_policy();
  policy.udp.mapping = Behavior::address_and_port_dependent;
  TestGateway symmetric(policy);
  part_from_in2(symmetric);
  ask_and_do(symmetric, udp(kIn2, kExternal), Realm::internal, told);
  EXPECT_STREQ(to_string(told.reason), "session-conflict");
  EXPECT_FALSE(hangs_on_the_draw(told));

  TestGateway plain;
  ask_and_do(plain, udp(kIn2, kOut1), Realm::internal, told);
  EXPECT_EQ(told.source, endpoint("203.0.113.11:4322"));
  plain.host.sockets = {{Protocol::udp, 4321}};
  ask_and_do(plain, udp(kIn1, kOut1), Realm::internal, told);
  EXPECT_EQ(told.source.port, 0) << "a socket of the gateway has it";
}

TEST(Explain, KnowsThatOnlyPortsOfSocketsAreLeft) {
  Policy policy = plain_policy();
  policy.ports.ranges = {{2000, 2001}};
  TestGateway gateway(policy);
  gateway.host.sockets = {{Protocol::udp, 2001}};
  Explanation told;
  EXPECT_EQ(ask_and_do(gateway, udp(kIn1, kOut1), Realm::internal, told).reason, Reason::translated);
  EXPECT_EQ(ask_and_do(gateway, udp(kIn2, kOut1), Realm::internal, told).reason, Reason::ports_exhausted);
}

// A port that is chosen may be one that the receiver has talked to. The trace says so, where it matters.
TEST(Explain, SaysWhatHangsOnThePortThatWillBeDrawn) {
  Policy policy = plain_policy();
  policy.hairpin_filter = true;
  policy.udp.filtering = Behavior::address_and_port_dependent;
  policy.ports.preserve = false;
  policy.ports.ranges = {{5000, 5001}};
  policy.ports.rest = seconds(0);
  const auto ask = [](TestGateway& gateway) {
    Octets packet = udp(endpoint(kIn2), gateway.mappings().at(0).external);
    const Explanation told = gateway.engine.explain({.octets = packet}, Realm::internal, gateway.now());
    EXPECT_STREQ(to_string(told.reason), "filtered-by-address-and-port");
    EXPECT_EQ(told.source, endpoint("203.0.113.11:0"));
    return std::pair(hangs_on_the_draw(told), gateway.from_inside(packet).reason);
  };
  TestGateway strangers(policy);
  open_mapping(strangers);
  EXPECT_EQ(ask(strangers), std::pair(false, Reason::filtered_by_port)) << "in1 has talked to nobody there";
  // Only the port that in2 had before is left.
  TestGateway parted(policy);
  part_from_in2(parted);
  EXPECT_EQ(ask(parted), std::pair(true, Reason::hairpinned));

  // Another mapping of the receiver may have a session with it.
  policy.hairpin_filter = false;
  policy.udp.mapping = Behavior::address_and_port_dependent;
  policy.ports.ranges = {{5000, 5002}};
  TestGateway symmetric(policy);
  part_from_in2(symmetric);
  Octets packet = udp(endpoint(kIn2), symmetric.mappings().at(0).external);
  const Explanation told = symmetric.engine.explain({.octets = packet}, Realm::internal, symmetric.now());
  EXPECT_STREQ(to_string(told.reason), "hairpinned");
  EXPECT_TRUE(hangs_on_the_draw(told));
  EXPECT_STREQ(to_string(symmetric.from_inside(packet).reason), "session-conflict");
}

// The words that a person needs: who holds the port, whom it has contacted, what the host uses.
TEST(Explain, TheStepsTellWhatIsThere) {
  TestGateway gateway;
  open_mapping(gateway);
  const auto detail = [&](const Octets& packet, Realm in, const char* step) -> std::string {
    Octets copy = packet;
    for (const Step& each : gateway.engine.explain({.octets = copy}, in, gateway.now()).steps) {
      if (each.name == step) return each.detail;
    }
    return "no such step";
  };
  const Octets stranger = udp(kOut2, kExternal);
  EXPECT_EQ(detail(stranger, Realm::external, "filtering"), "address-dependent; contacted: 192.0.2.31:7000");
  EXPECT_EQ(detail(stranger, Realm::external, "mapping"),
            "1: 10.0.0.1:4321 = 203.0.113.11:4321, expires in 5:00");
  EXPECT_EQ(detail(udp("10.0.0.1:5", kOut1), Realm::internal, "quota"),
            "10.0.0.1 has 1 of 16384 mappings and 1 of 65536 sessions");
}

}  // namespace
}  // namespace nat::test
