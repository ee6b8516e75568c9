// Engine::explain says what then happens, for every reason there is, and what it names as the remedy lets the
// packet pass.
#include <algorithm>

#include <gtest/gtest.h>

#include "tests/support/packet_builder.h"
#include "tests/unit/explain_scenario.h"

namespace nat::test {
namespace {

void expect_refused_and_remedied(Reason reason, const Scenario& scenario) {
  TestGateway gateway(scenario.policy);
  scenario.arrange(gateway);
  const std::size_t before = gateway.observed().explanations.size();
  Explanation told;
  const Outcome outcome = ask_and_do(gateway, scenario.packet, scenario.in, told, scenario.from_gateway);
  ASSERT_STREQ(to_string(outcome.reason), to_string(reason));
  ASSERT_FALSE(told.steps.empty());
  EXPECT_EQ(told.steps.back().name, "verdict");

  ASSERT_EQ(gateway.observed().explanations.size(), before + 1) << "and the event says the same";
  const Explanation& after = gateway.observed().explanations.back();
  EXPECT_EQ(after.reason, reason);
  EXPECT_EQ(after.remedy, told.remedy);
  EXPECT_EQ(after.setting, told.setting);

  EXPECT_EQ(told.remedy.starts_with("none: "), scenario.hopeless) << told.remedy;
  EXPECT_FALSE(told.remedy.empty());
  if (scenario.hopeless) {
    EXPECT_EQ(told.setting, "");
  } else if (scenario.relieve) {
    scenario.relieve(gateway, told);
    expect_passes(gateway, scenario);
  } else {
    // From the beginning, as some settings are read at the start only.
    TestGateway remedied(assigned(scenario.policy, told.setting));
    scenario.arrange(remedied);
    expect_passes(remedied, scenario);
  }
}

// Two reasons the engine cannot meet in one call: a router's (replay_test.cpp has it happen), and one that
// needs time to pass.
bool is_told_elsewhere(Reason reason) {
  return reason == Reason::ttl_expired || reason == Reason::fragment_timeout;
}

TEST(Explain, ComesTrueForEveryReason) {
  for (std::size_t r = 0; r < kReasonCount; ++r) {
    const auto reason = static_cast<Reason>(r);
    if (action_of(reason) != Action::drop || is_told_elsewhere(reason)) continue;
    SCOPED_TRACE(to_string(reason));
    const auto scenario = scenario_of(reason);
    ASSERT_TRUE(scenario) << "a reason needs a scenario here";
    expect_refused_and_remedied(reason, *scenario);
  }
}

// The live ones act on the engine that refused.
TEST(Explain, SettingsActAtOnce) {
  for (const Reason reason : {Reason::filtered_by_address, Reason::filtered_by_port, Reason::hairpin_off,
                              Reason::ports_exhausted, Reason::host_mapping_limit, Reason::host_session_limit,
                              Reason::mapping_session_limit, Reason::creation_rate, Reason::fragment_limit}) {
    SCOPED_TRACE(to_string(reason));
    const Scenario scenario = *scenario_of(reason);
    TestGateway gateway(scenario.policy);
    scenario.arrange(gateway);
    Explanation told;
    ask_and_do(gateway, scenario.packet, scenario.in, told);
    gateway.apply(assigned(gateway.engine.policy(), told.setting));
    expect_passes(gateway, scenario);
  }
}

// A filter that tells ports apart needs no more than to tell addresses apart, where that is enough.
TEST(Explain, NamesTheSmallestOpening) {
  Policy policy = plain_policy();
  policy.udp.filtering = Behavior::address_and_port_dependent;
  TestGateway gateway(policy);
  open_mapping(gateway);
  Explanation told;
  ask_and_do(gateway, udp("192.0.2.31:1", kExternal), Realm::external, told);
  EXPECT_EQ(told.setting, "udp.filtering=address-dependent");
  ask_and_do(gateway, udp(kOut2, kExternal), Realm::external, told);
  EXPECT_EQ(told.setting, "udp.filtering=endpoint-independent");
  gateway.change([](Policy& p) { p.hairpin_filter = true; });
  ask_and_do(gateway, udp(kIn2, kExternal), Realm::internal, told);
  EXPECT_EQ(told.setting, "nat.hairpin-filter=no");
}

// A limit of one protocol is lifted by its own key.
TEST(Explain, NamesTheLimitOfTheProtocol) {
  Policy policy = plain_policy();
  policy.limits.udp_mappings_per_host = 1;
  TestGateway gateway(policy);
  open_mapping(gateway);
  Explanation told;
  ask_and_do(gateway, udp("10.0.0.1:4322", kOut1), Realm::internal, told);
  EXPECT_EQ(told.setting, "limits.udp-mappings-per-host=0");
  gateway.apply(assigned(gateway.engine.policy(), told.setting));
  EXPECT_TRUE(gateway.from_inside(udp("10.0.0.1:4322", kOut1)).forwarded());
}

// What the remedy says is done: a setting for all hosts, or "KEY=VALUE in rule 2 of hosts.rule".
Settings remedied(Settings settings, const Explanation& told) {
  if (!told.setting.empty()) return assigned(settings, {told.setting});
  const std::size_t place = told.remedy.find(" in rule 2 of hosts.rule");
  EXPECT_NE(place, std::string::npos) << told.remedy;
  const std::string word = told.remedy.substr(0, place);
  auto& assignments = settings.host_rules.at(1).assignments;
  if (word == "no ports.ranges") {
    std::erase_if(assignments, [](const auto& assignment) { return assignment.first == "ports.ranges"; });
  } else {
    const auto equals = word.find('=');
    const auto at = std::find_if(assignments.begin(), assignments.end(), [&](const auto& assignment) {
      return assignment.first == word.substr(0, equals);
    });
    EXPECT_NE(at, assignments.end()) << told.remedy;
    if (at != assignments.end()) at->second = word.substr(equals + 1);
  }
  resolve_host_rules(settings);
  return settings;
}

// The packet of the scenario is refused under these settings, and passes under what the remedy changes.
void expect_remedied(Reason reason, const std::vector<std::string>& assignments, bool in_rule) {
  SCOPED_TRACE(std::string(to_string(reason)) + " with " + assignments.back());
  const Scenario scenario = *scenario_of(reason);
  Settings settings;
  settings.policy = plain_policy();
  settings = assigned(settings, assignments);
  TestGateway gateway(settings.policy);
  scenario.arrange(gateway);
  Explanation told;
  ASSERT_STREQ(to_string(ask_and_do(gateway, scenario.packet, scenario.in, told).reason), to_string(reason));
  EXPECT_EQ(told.setting.empty(), in_rule) << told.remedy;
  EXPECT_EQ(told.remedy.find("hosts.rule") != std::string::npos, in_rule) << told.remedy;
  TestGateway after(remedied(settings, told).policy);
  scenario.arrange(after);
  expect_passes(after, scenario);
}

// Where a rule judged the packet, the remedy names the rule if that set what stood in the way, and else what
// is set for all hosts; never both.
TEST(Explain, NamesTheRuleWhereTheRuleSaysIt) {
  const std::string others = "hosts.rule=10.9.9.9: udp.timeout=10min; 10.0.0.0/24: udp.timeout=10min ";
  const std::pair<Reason, std::string> refusals[] = {
      {Reason::filtered_by_address, "udp.filtering=address-dependent"},
      {Reason::filtered_by_port, "udp.filtering=address-and-port-dependent"},
      {Reason::host_mapping_limit, "limits.mappings-per-host=1"},
      {Reason::host_mapping_limit, "limits.udp-mappings-per-host=1"},
      {Reason::host_session_limit, "limits.sessions-per-host=1"},
      {Reason::mapping_session_limit, "limits.sessions-per-mapping=1"},
      {Reason::creation_rate, "limits.mapping-rate-per-host=1"},
      {Reason::ports_exhausted, "ports.ranges=4321-4321"},
  };
  for (const auto& [reason, assignment] : refusals) {
    expect_remedied(reason, {others + assignment}, true);
    expect_remedied(reason, {others + "tcp.opening=5min", assignment}, false);
  }
}

// A mapping keeps to the rule of its first packet, whatever rule a later one would fall under.
TEST(Explain, NamesTheRuleOfTheMapping) {
  Settings settings;
  settings.policy = plain_policy();
  settings = assigned(settings, {"hosts.rule=10.0.0.1 to 53: limits.sessions-per-mapping=1"});
  TestGateway gateway(settings.policy);
  gateway.from_inside(udp(kIn1, "192.0.2.31:53"));
  Explanation told;
  ask_and_do(gateway, udp(kIn1, kOut2), Realm::internal, told);
  EXPECT_EQ(told.reason, Reason::mapping_session_limit);
  EXPECT_EQ(told.remedy, "limits.sessions-per-mapping=3 in rule 1 of hosts.rule");
}

}  // namespace
}  // namespace nat::test
