#include "tests/unit/explain_scenario.h"

#include "config/document.h"
#include "config/validate.h"
#include "tests/support/fragments.h"
#include "tests/support/packet_builder.h"
#include "translation/net/wire.h"

namespace nat::test {
namespace {

Scenario hopeless(Octets packet, Realm in = Realm::external) {
  Scenario scenario{.packet = std::move(packet), .in = in};
  scenario.hopeless = true;
  return scenario;
}

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
      auto& rules = scenario.policy.host_rules;
      rules.resize(2);
      rules[0].internal = *Prefix::parse("10.0.0.77");
      rules[1].internal = *Prefix::parse("10.0.0.1");
      rules[1].deny = true;
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

}  // namespace

void open_mapping(TestGateway& gateway) { gateway.from_inside(udp(kIn1, kOut1)); }

std::vector<Octets> pieces(const char* source, const char* destination, std::size_t size) {
  return cut(udp(source, destination).payload(Octets(4000)).identification(77).may_fragment(), size);
}

Octets error_about(const Octets& packet, std::size_t quoted) {
  return icmp_error("192.0.2.1", "203.0.113.11", 3, 1, packet, quoted);
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
                   bool from_gateway) {
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

}  // namespace nat::test
