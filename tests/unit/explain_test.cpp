// Engine::explain says what then happens, for every reason there is, and what it names as the remedy lets the
// packet pass.
#include <algorithm>
#include <functional>
#include <optional>

#include <gtest/gtest.h>

#include "config/document.h"
#include "config/validate.h"
#include "tests/support/fragments.h"
#include "tests/support/packet_builder.h"
#include "tests/support/test_gateway.h"
#include "translation/net/wire.h"

namespace nat::test {
namespace {

constexpr auto kIn1 = "10.0.0.1:4321";
constexpr auto kIn2 = "10.0.0.2:4322";
constexpr auto kOut1 = "192.0.2.31:7000";
constexpr auto kOut2 = "192.0.2.32:7000";
constexpr auto kExternal = "203.0.113.11:4321";
constexpr auto kNowhere = "203.0.113.11:9";

// A situation in which a packet meets a certain fate.
struct Scenario {
  Octets packet;
  Realm in = Realm::external;
  Policy policy = plain_policy();
  std::function<void(TestGateway&)> arrange = [](TestGateway&) {};
  // Does what the remedy says, where that is no setting.
  std::function<void(TestGateway&, const Explanation&)> relieve{};
  bool hopeless = false;  // no remedy
  bool from_gateway = false;
};

Scenario hopeless(Octets packet, Realm in = Realm::external) {
  Scenario scenario{.packet = std::move(packet), .in = in};
  scenario.hopeless = true;
  return scenario;
}

void open_mapping(TestGateway& gateway) { gateway.from_inside(udp(kIn1, kOut1)); }

Scenario out(Octets packet, const std::function<void(Policy&)>& change,
             std::function<void(TestGateway&)> arrange = open_mapping) {
  Scenario scenario{.packet = std::move(packet), .in = Realm::internal, .arrange = std::move(arrange)};
  change(scenario.policy);
  return scenario;
}

Octets with_source(Octets packet, Address source) {
  store32(packet.data() + ip::kSource, source.value());
  return packet;
}

Octets shorter(Octets packet, std::size_t by) {
  packet.resize(packet.size() - by);
  store16(packet.data() + ip::kTotalLength, static_cast<std::uint16_t>(packet.size()));
  return packet;
}

std::vector<Octets> pieces(const char* source, const char* destination, std::size_t size = 1480) {
  return cut(udp(source, destination).payload(Octets(4000)).identification(77).may_fragment(), size);
}

Octets error_about(const Octets& packet, std::size_t quoted = SIZE_MAX) {
  return icmp_error("192.0.2.1", "203.0.113.11", 3, 1, packet, quoted);
}

std::optional<Scenario> refused_for_room(Reason reason) {
  const auto none = [](TestGateway&) {};
  switch (reason) {
    case Reason::no_external_address: {
      Scenario scenario = out(
          udp(kIn1, kOut1), [](Policy& p) { p.external_addresses.clear(); }, none);
      scenario.relieve = [](TestGateway& gateway, const Explanation&) {
        gateway.change([](Policy& p) { p.external_addresses = plain_policy().external_addresses; });
      };
      return scenario;
    }
    case Reason::ports_exhausted:
      return out(udp(kIn2, kOut1), [](Policy& p) { p.ports.ranges = {{4321, 4321}}; });
    case Reason::mapping_limit:
      return out(udp(kIn2, kOut1), [](Policy& p) { p.limits.mappings = 1; });
    case Reason::session_limit:
      return out(udp(kIn1, kOut2), [](Policy& p) { p.limits.sessions = 1; });
    case Reason::host_limit:
      return out(udp(kIn2, kOut1), [](Policy& p) { p.limits.hosts = 1; });
    case Reason::host_mapping_limit:
      return out(udp("10.0.0.1:5", kOut1), [](Policy& p) { p.limits.mappings_per_host = 1; });
    case Reason::host_session_limit:
      return out(udp(kIn1, kOut2), [](Policy& p) { p.limits.sessions_per_host = 1; });
    case Reason::mapping_session_limit:
      return out(udp(kIn1, kOut2), [](Policy& p) { p.limits.sessions_per_mapping = 1; });
    case Reason::creation_rate:
      return out(udp("10.0.0.1:5", kOut1), [](Policy& p) { p.limits.mapping_rate_per_host = 1; });
    default:
      return std::nullopt;
  }
}

std::optional<Scenario> refused_from_outside(Reason reason) {
  Scenario scenario;
  switch (reason) {
    case Reason::no_mapping:
    case Reason::unsolicited_syn: {
      const bool tcp_too = reason == Reason::unsolicited_syn;
      scenario.packet = tcp_too ? tcp(kOut1, kNowhere, kSyn).build() : udp(kOut1, kNowhere).build();
      scenario.relieve = [tcp_too](TestGateway& gateway, const Explanation& told) {
        const Protocol protocol = tcp_too ? Protocol::tcp : Protocol::udp;
        EXPECT_NE(told.remedy.find("port-forward add " + std::string(to_string(protocol)) + " " + kNowhere),
                  std::string::npos);
        gateway.set_forwards({{protocol, endpoint(kNowhere), endpoint(kIn2), ""}});
      };
      return scenario;
    }
    case Reason::filtered_by_address:
      scenario.packet = udp(kOut2, kExternal);
      scenario.arrange = open_mapping;
      return scenario;
    case Reason::filtered_by_port:
      scenario.packet = udp("192.0.2.31:7001", kExternal);
      scenario.policy.udp.filtering = Behavior::address_and_port_dependent;
      scenario.arrange = open_mapping;
      return scenario;
    case Reason::session_conflict:
      scenario.policy.udp = {Behavior::address_and_port_dependent, Behavior::endpoint_independent};
      scenario.packet = udp(kOut2, kExternal);
      scenario.arrange = [](TestGateway& gateway) {
        open_mapping(gateway);
        gateway.from_inside(udp(kIn1, kOut2));
      };
      scenario.relieve = [](TestGateway& gateway, const Explanation& told) {
        std::uint64_t cursor = 0;
        gateway.engine.flush(
            cursor, 1000,
            [&](const MappingView& mapping) {
              return told.remedy.find("flush external " + mapping.external.to_string()) != std::string::npos;
            },
            gateway.now());
      };
      return scenario;
    case Reason::hairpin_off:
      return out(udp(kIn2, kExternal), [](Policy& p) { p.hairpin = false; });
    case Reason::tcp_no_session:
      return hopeless(tcp(kIn1, kOut1, kAck), Realm::internal);
    case Reason::echo_no_session:
      return hopeless(echo_reply("192.0.2.31", "203.0.113.11", 5));
    default:
      return std::nullopt;
  }
}

std::optional<Scenario> refused_as_it_is(Reason reason) {
  switch (reason) {
    case Reason::malformed_ip:
      return hopeless(Octets(19, 0x45));
    case Reason::malformed_transport:
      return hopeless(shorter(udp(kOut1, kExternal), 1));
    case Reason::invalid_source:
      return hopeless(with_source(udp(kIn1, kOut1), address("224.0.0.1")), Realm::internal);
    case Reason::spoofed_source:
      return hopeless(udp(kExternal, kExternal));
    case Reason::foreign_source: {
      Scenario scenario{.packet = udp(kIn1, kOut1), .in = Realm::internal};
      scenario.policy.internal_networks = {*Prefix::parse("192.168.0.0/24")};
      scenario.relieve = [](TestGateway& gateway, const Explanation& told) {
        ASSERT_NE(told.remedy.find("interfaces.internal-networks"), std::string::npos);
        gateway.change(
            [](Policy& policy) { policy.internal_networks.push_back(*Prefix::parse("10.0.0.0/24")); });
      };
      return scenario;
    }
    case Reason::denied_by_rule: {
      Scenario scenario{.packet = udp(kIn1, kOut1), .in = Realm::internal};
      HostRule other, rule;
      other.internal = *Prefix::parse("10.0.0.77");
      rule.internal = *Prefix::parse("10.0.0.1");
      rule.deny = true;
      scenario.policy.host_rules = {other, rule};
      scenario.relieve = [](TestGateway& gateway, const Explanation& told) {
        ASSERT_NE(told.remedy.find("no 'deny' in rule 2 of hosts.rule"), std::string::npos) << told.remedy;
        gateway.change([](Policy& policy) { policy.host_rules[1].deny = false; });
      };
      return scenario;
    }
    case Reason::source_route:
      return hopeless(udp(kOut1, kExternal).ip_options({131, 7, 4, 192, 0, 2, 1, 0}));
    case Reason::address_option: {
      Scenario scenario{.packet = udp(kIn1, kOut1).ip_options({7, 7, 4, 0, 0, 0, 0, 0}),
                        .in = Realm::internal};
      return scenario;
    }
    case Reason::unsupported_protocol:
      return hopeless(other_protocol(address("10.0.0.1"), address("192.0.2.31"), 47).payload("x"),
                      Realm::internal);
    default:
      return std::nullopt;
  }
}

std::optional<Scenario> refused_error(Reason reason) {
  const Octets sent = udp(kExternal, kOut1).payload("hello");
  switch (reason) {
    case Reason::icmp_unsupported: {
      Octets timestamp = echo("192.0.2.31", "203.0.113.11", 5);
      timestamp[20] = 13;
      return hopeless(timestamp);
    }
    case Reason::icmp_bad_checksum:
      return hopeless(icmp_error("192.0.2.1", "203.0.113.11", 3, 1, sent).broken());
    case Reason::icmp_quote_malformed:
      return hopeless(error_about(sent, 24));
    case Reason::icmp_quote_bad_checksum: {
      Octets wrong = sent;
      wrong[ip::kChecksum] ^= 1;
      Scenario scenario{.packet = error_about(wrong), .arrange = open_mapping};
      scenario.policy.strict_quotes = true;
      return scenario;
    }
    case Reason::icmp_quotes_internal: {
      Scenario scenario =
          hopeless(icmp_error("203.0.113.11", "192.0.2.31", 11, 0, udp(kOut1, kIn1)), Realm::internal);
      scenario.from_gateway = true;
      return scenario;
    }
    case Reason::icmp_no_session:
      return hopeless(error_about(sent));
    case Reason::icmp_fragmented:
      return hopeless(cut(icmp_error("192.0.2.1", "203.0.113.11", 3, 1, sent).may_fragment(), 16)[0]);
    default:
      return std::nullopt;
  }
}

std::optional<Scenario> refused_fragment(Reason reason) {
  Scenario scenario = hopeless(pieces(kIn1, kOut1)[1], Realm::internal);
  switch (reason) {
    case Reason::fragment_tiny:
      scenario.packet = cut(tcp(kIn1, kOut1, kSyn).payload(Octets(40)).may_fragment(), 8)[1];
      return scenario;
    case Reason::fragment_overlap:
      scenario.arrange = [](TestGateway& gateway) { gateway.from_inside(pieces(kIn1, kOut1)[1]); };
      return scenario;
    case Reason::fragment_of_refused:
      scenario.policy.external_addresses.clear();
      scenario.arrange = [](TestGateway& gateway) { gateway.from_inside(pieces(kIn1, kOut1)[0]); };
      return scenario;
    case Reason::fragment_limit:
      scenario.hopeless = false;
      scenario.policy.limits.fragments = 0;
      return scenario;
    default:
      return std::nullopt;
  }
}

std::optional<Scenario> scenario_of(Reason reason) {
  for (const auto& find :
       {refused_for_room, refused_from_outside, refused_as_it_is, refused_error, refused_fragment}) {
    if (auto scenario = find(reason)) return scenario;
  }
  return std::nullopt;
}

// Asks, then does; whatever was predicted must happen, and the asking must change nothing.
Outcome ask_and_do(TestGateway& gateway, const Octets& packet, Realm in, Explanation& told,
                   bool from_gateway = false) {
  Octets copy = packet;
  const Gauges before = gateway.engine.gauges();
  told = gateway.engine.explain({.octets = copy, .from_gateway = from_gateway}, in, gateway.now());
  const Gauges after = gateway.engine.gauges();
  EXPECT_EQ(copy, packet);
  EXPECT_EQ(after.mappings, before.mappings);
  EXPECT_EQ(after.sessions, before.sessions);
  EXPECT_EQ(after.datagrams, before.datagrams);
  EXPECT_EQ(after.held_fragments, before.held_fragments);
  const Outcome outcome = gateway.translate(packet, in, ChecksumState::complete, from_gateway);
  EXPECT_STREQ(to_string(told.reason), to_string(outcome.reason));
  if (!outcome.forwarded()) return outcome;
  EXPECT_EQ(told.out, outcome.out);
  EXPECT_EQ(told.source.address, source_address_of(outcome.packet));
  EXPECT_EQ(told.destination.address, destination_address_of(outcome.packet));
  if (told.portless) return outcome;
  Octets left = outcome.packet;
  PacketView view;
  EXPECT_FALSE(PacketView::parse(left, view));
  // A port that is yet to be chosen cannot be told.
  EXPECT_EQ(told.source.port, told.source.port == 0 ? 0 : view.source_port());
  EXPECT_EQ(told.destination.port, told.destination.port == 0 ? 0 : view.destination_port());
  return outcome;
}

// What `natctl set`, or the file and a restart, make of the assignments.
Settings assigned(const Settings& settings, const std::vector<std::string>& assignments) {
  const Document document = parse_assignments(assignments, "");
  const auto wanted = validate(settings, {&document, 1}, Interfaces::optional);
  EXPECT_TRUE(wanted) << assignments.front();
  return wanted ? *wanted : settings;
}

Policy assigned(const Policy& policy, const std::string& assignment) {
  Settings settings;
  settings.policy = policy;
  return assigned(settings, {assignment}).policy;
}

void expect_passes(TestGateway& gateway, const Scenario& scenario) {
  Explanation told;
  const Outcome outcome = ask_and_do(gateway, scenario.packet, scenario.in, told);
  EXPECT_NE(outcome.action(), Action::drop) << to_string(outcome.reason);
  EXPECT_EQ(told.remedy, "");
  EXPECT_EQ(told.setting, "");
}

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
