#include <gtest/gtest.h>

#include "config/option.h"
#include "config/validate.h"

namespace nat {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kInterfaces = "interfaces.internal = lan0\ninterfaces.external = wan0\n";

Result<Settings> settings_of(const std::string& text, Interfaces interfaces = Interfaces::optional) {
  const Document document = parse_document(text, "natd.conf");
  return validate({}, {&document, 1}, interfaces);
}

std::string problems_of(const std::string& text) {
  const auto settings = settings_of(text);
  return settings ? "" : to_string(settings.problems());
}

TEST(ConfigValidate, TwoInterfacesAreEnough) {
  const auto settings = settings_of(std::string(kInterfaces), Interfaces::required);
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->internal_interface, "lan0");
  EXPECT_EQ(settings->external_interface, "wan0");
  EXPECT_EQ(settings->policy.timeouts.udp, Duration(300s));
}

// Without a word about it: one mapping for all remotes, in every protocol.
// Rows: F5.1
TEST(ConfigValidate, MappingsAreEndpointIndependentByDefault) {
  const auto settings = settings_of("");
  ASSERT_TRUE(settings);
  for (const Protocol protocol : kProtocols) {
    EXPECT_EQ(settings->policy.of(protocol).mapping, Behavior::endpoint_independent);
  }
}

TEST(ConfigValidate, MissingInterfacesAreNamed) {
  const auto settings = settings_of("", Interfaces::required);
  ASSERT_FALSE(settings);
  ASSERT_EQ(settings.problems().size(), 2U);
  EXPECT_EQ(settings.problems()[0].key, "interfaces.internal");
  EXPECT_EQ(settings.problems()[1].key, "interfaces.external");
}

TEST(ConfigValidate, TheInterfacesDiffer) {
  EXPECT_EQ(
      problems_of("[interfaces]\ninternal = eth0\nexternal = eth0\n"),
      "natd.conf:3:12: error: interfaces.internal and interfaces.external are both 'eth0'; a gateway stands "
      "between two interfaces\n");
}

struct Misdeed {
  const char* key;
  const char* value;
  const char* rule;
};

constexpr Misdeed kMisdeeds[] = {
    {"misbehave.syn-answer", "reset", "RFC 5382 REQ-4"},
    {"misbehave.syn-answer", "icmp", "RFC 5382 REQ-4"},
    {"misbehave.no-outbound-refresh", "yes", "RFC 4787 REQ-6"},
    {"misbehave.filter-ends-mapping", "yes", "RFC 4787 REQ-5"},
    {"misbehave.payload-rewriting", "yes", "RFC 4787 REQ-10"},
    {"misbehave.mapping-loss", "1", "RFC 4787 REQ-5"},
    {"misbehave.hairpin-internal-source", "yes", "RFC 4787 REQ-9"},
    {"nat.hairpin", "no", "RFC 4787 REQ-9"},
};

TEST(ConfigValidate, MisbehaviourIsForLaboratories) {
  for (const Misdeed& misdeed : kMisdeeds) {
    const std::string assignment = std::string(misdeed.key) + " = " + misdeed.value;
    const std::string problem = problems_of(assignment + "\n");
    EXPECT_NE(problem.find(assignment + " breaks " + misdeed.rule), std::string::npos) << problem;
    EXPECT_NE(problem.find("set 'lab = yes' if this is a laboratory"), std::string::npos) << problem;
    EXPECT_EQ(problems_of("lab = yes\n" + assignment + "\n"), "");
  }
}

// The laboratory cannot be closed while something in it misbehaves.
TEST(ConfigValidate, TheLaboratoryStaysWhileSomethingMisbehaves) {
  const auto running = settings_of("lab = yes\nnat.hairpin = no\n");
  ASSERT_TRUE(running);
  const Document closing = parse_assignments({"lab=no"}, "");
  const auto refused = validate(*running, {&closing, 1}, Interfaces::optional);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.problems()[0].key, "nat.hairpin");
  const Document both = parse_assignments({"lab=no", "nat.hairpin=yes"}, "");
  EXPECT_TRUE(validate(*running, {&both, 1}, Interfaces::optional));
}

TEST(ConfigValidate, SequentialPortsAreForLaboratories) {
  EXPECT_EQ(problems_of("[ports]\nallocation = sequential\n"),
            "natd.conf:2:14: error: ports.allocation = sequential breaks RFC 6056; leave it random, or set "
            "'lab = yes' if this is a laboratory\n");
  EXPECT_EQ(problems_of("lab = yes\n[ports]\nallocation = sequential\n"), "");
  EXPECT_EQ(
      problems_of("[ports]\nallocation = sequentail\n"),
      "natd.conf:2:14: error: ports.allocation: 'sequentail' is not a way to choose ports; did you mean "
      "'sequential'?\n");
}

TEST(ConfigValidate, EveryKeyIsRead) {
  for (const Option& option : options()) {
    const std::string value = option.default_value();
    const auto settings = settings_of(std::string(option.key) + " = " + (value.empty() ? "" : value) + "\n");
    if (option.kind == Kind::interface) continue;
    ASSERT_TRUE(settings) << option.key << "\n" << to_string(settings.problems());
  }
}

TEST(ConfigValidate, TheLaterDocumentIsTheStronger) {
  const Document documents[] = {parse_document("udp.timeout = 3min\ntcp.opening = 10s\n", "file"),
                                parse_assignments({"udp.timeout=4min"}, "command line")};
  const auto settings = validate({}, documents, Interfaces::optional);
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->policy.timeouts.udp, Duration(4min));
  EXPECT_EQ(settings->policy.timeouts.tcp_opening, Duration(10s));
}

TEST(ConfigValidate, AListAddsUpInOneDocumentAndIsReplacedByTheNext) {
  const Document documents[] = {
      parse_document("[pool]\naddress = 203.0.113.6\naddress = 203.0.113.8-203.0.113.9\n", "file"),
      parse_assignments({"pool.address=203.0.113.20, 203.0.113.21"}, "command line")};
  const auto file = validate({}, {documents, 1}, Interfaces::optional);
  ASSERT_TRUE(file);
  EXPECT_EQ(file->extra_addresses.size(), 3U);
  const auto both = validate({}, documents, Interfaces::optional);
  ASSERT_TRUE(both);
  EXPECT_EQ(both->extra_addresses,
            (std::vector<Address>{Address(203, 0, 113, 20), Address(203, 0, 113, 21)}));
}

TEST(ConfigValidate, AScalarIsSetOnce) {
  EXPECT_EQ(problems_of("[udp]\ntimeout = 5min\ntimeout = 6min\n"),
            "natd.conf:3:1: error: udp.timeout is set twice, first in line 2; keep one of them\n");
}

TEST(ConfigValidate, AnUnknownKeySuggestsTheNearest) {
  EXPECT_EQ(problems_of("[udp]\nfiltring = x\n"),
            "natd.conf:2:1: error: unknown key 'filtring' in [udp]; did you mean 'filtering'?\n");
  EXPECT_EQ(
      problems_of("[nat]\nfiltring = x\n"),
      "natd.conf:2:1: error: unknown key 'filtring' in [nat]; did you mean 'filtering' in [udp], [tcp] or "
      "[icmp]?\n");
  EXPECT_EQ(
      problems_of("[udp]\nlab = yes\n"),
      "natd.conf:2:1: error: unknown key 'lab' in [udp]; did you mean 'lab', above the first section?\n");
  EXPECT_EQ(problems_of("[nat]\nwhatever-this-is = x\n"),
            "natd.conf:2:1: error: unknown key 'whatever-this-is' in [nat]; its keys are hairpin, "
            "hairpin-filter, address-options and exempt\n");
  EXPECT_EQ(problems_of("timeout = 5min\n"),
            "natd.conf:1:1: error: unknown key 'timeout' outside of any section; did you mean 'timeout' in "
            "[udp] or "
            "[icmp]?\n");
}

TEST(ConfigValidate, EverythingWrongIsSaidAtOnceInTheOrderOfTheFile) {
  const auto settings = settings_of(
      "[udp]\n"
      "timeout = 5 minutes\n"    // 2: no time
      "mapping = symmetrical\n"  // 3: no behaviour
      "nonsense\n"               // 4: no key
      "[tcp]\n"
      "established = 1min\n"  // 6: below the floor
      "[limits]\n"
      "mappings = -1\n");  // 8: no number
  ASSERT_FALSE(settings);
  std::vector<unsigned> lines;
  for (const Diagnostic& problem : settings.problems()) lines.push_back(problem.at.line);
  EXPECT_EQ(lines, (std::vector<unsigned>{2, 3, 4, 6, 8}));
}

TEST(ConfigValidate, MoreThanAHundredProblemsAreCounted) {
  std::string text;
  for (int i = 0; i < 150; ++i) text += "nonsense\n";
  const auto settings = settings_of(text);
  ASSERT_FALSE(settings);
  EXPECT_EQ(settings.problems().size(), 101U);
  EXPECT_EQ(settings.problems().back().message, "and 50 more");
}

TEST(ConfigValidate, NumbersAreInRangeAndHaveNoSign) {
  EXPECT_EQ(problems_of("[limits]\nmappings = 0\n"),
            "natd.conf:2:12: error: limits.mappings: '0' is out of range; choose from 1 to 4194304\n");
  EXPECT_NE(problems_of("[limits]\nmappings = -1\n"), "");
  EXPECT_NE(problems_of("[limits]\nmappings = 4294967297\n"), "");
  EXPECT_NE(problems_of("[limits]\nmappings = 99999999999999999999\n"), "");
  EXPECT_NE(problems_of("[limits]\nmappings =\n"), "");
  EXPECT_NE(problems_of("[datapath]\nfirst-queue = 65536\n"), "");
  EXPECT_EQ(problems_of("[limits]\nmappings = 4194304\n"), "");
}

struct Floor {
  const char* key;
  const char* at;
  const char* below;
  const char* rule;
};

// The floors of the timers, from the RFCs themselves.
constexpr Floor kFloors[] = {
    {"udp.timeout", "120s", "119s", "RFC 4787 REQ-5"},
    {"tcp.established", "7440s", "7439s", "RFC 5382 REQ-5"},
    {"tcp.closing", "240s", "239s", "RFC 5382 REQ-5"},
    {"tcp.reset", "240s", "239s", "RFC 7857 section 2.2"},
    {"icmp.timeout", "60s", "59s", "RFC 5508 REQ-2"},
    {"fragments.wait", "2s", "1999ms", "RFC 6146 section 3.4"},
    {"ports.rest", "120s", "119s", "RFC 6888 REQ-8"},
};

// Rows: U5 T5a U5b I2a
TEST(ConfigValidate, NothingBelowAnRfcOutsideOfALaboratory) {
  for (const Floor& floor : kFloors) {
    const std::string key = floor.key;
    EXPECT_EQ(problems_of(key + " = " + floor.at), "") << key;
    const std::string problem = problems_of(key + " = " + floor.below);
    EXPECT_NE(problem.find(floor.rule), std::string::npos) << problem;
    EXPECT_NE(problem.find("lab = yes"), std::string::npos) << problem;
    EXPECT_EQ(problems_of("lab = yes\n" + key + " = " + floor.below), "") << key;
  }
}

TEST(ConfigValidate, TheFloorOfTheMessageIsTheRule) {
  EXPECT_EQ(problems_of("[udp]\ntimeout = 90s\n"),
            "natd.conf:2:11: error: udp.timeout = 1min30s is below the 2min that RFC 4787 REQ-5 demands; "
            "raise it, or "
            "set 'lab = yes' if this is a laboratory\n");
}

// Rows: X2
TEST(ConfigValidate, OpeningMayBeShortWithoutALaboratory) { EXPECT_EQ(problems_of("tcp.opening = 10s"), ""); }

TEST(ConfigValidate, TheGatewayKeepsItsPortsAndNothingElse) {
  const auto settings = settings_of("ports.gateway = 61000-61001\n");
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->policy.reserved_ports.count(), 2U);
  EXPECT_TRUE(settings->policy.reserved_ports.test(61000));
  EXPECT_TRUE(settings->policy.reserved_ports.test(61001));
}

// Rows: R4
TEST(ConfigValidate, TheGatewaysPortsAreReservedByDefault) {
  const auto settings = settings_of("");
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->policy.reserved_ports.count(), 1000U);
  EXPECT_TRUE(settings->policy.reserved_ports.test(60000));
}

TEST(ConfigValidate, OrdinaryHostsHavePorts) {
  EXPECT_EQ(problems_of("[ports]\nranges = 2000-2000\n"), "");
  EXPECT_NE(problems_of("[ports]\nranges = 512-1023\n"), "");
  EXPECT_NE(problems_of("[ports]\nranges = 512-1023,60000-60999\n"), "");
  EXPECT_EQ(problems_of("[ports]\nranges = 512-1023,60000-61000\n"), "");
}

TEST(ConfigValidate, RangesAreKeptInOrderAndDoNotOverlap) {
  const auto settings = settings_of("[ports]\nranges = 40000-50000, 1024-32767\n");
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->policy.ports.ranges, (std::vector<PortRange>{{1024, 32767}, {40000, 50000}}));
  EXPECT_NE(problems_of("[ports]\nranges = 1024-2000,2000-3000\n"), "");
  EXPECT_NE(problems_of("[ports]\nranges = 1024-2000,\n"), "");
  EXPECT_NE(problems_of("[ports]\nranges =\n"), "");
}

// 1024 subscribers on one address, and 64512 ports without 64000 of the gateway's.
// Rows: B5
TEST(ConfigValidate, EverySubscriberHasAPort) {
  const std::string subscribers = "[blocks]\nsubscribers = 10.0.0.0-10.0.3.255\n";
  EXPECT_EQ(problems_of(subscribers), "");
  EXPECT_EQ(
      problems_of(subscribers + "[ports]\ngateway = 1024-65023\n"),
      "natd.conf:4:11: error: 1024 subscribers on an address and 2 shares left over cannot divide 512 ports: "
      "nobody would have one; name fewer subscribers, lower blocks.dynamic, narrow ports.gateway or add a "
      "pool.address\n");
  EXPECT_NE(problems_of(subscribers + "dynamic = 1\n[ports]\ngateway = 1024-64511\n"), "");
  EXPECT_EQ(problems_of(subscribers + "dynamic = 0\n[ports]\ngateway = 1024-64511\n"), "");
  EXPECT_EQ(problems_of(subscribers + "[ports]\ngateway = 1024-64511\n[pool]\naddress = 203.0.113.6\n"), "");
}

TEST(ConfigValidate, PortForwardsHaveTheirOwnEndpointsAndNames) {
  EXPECT_EQ(problems_of("[forward]\nrule = tcp 80 -> 10.0.0.1\nrule = udp 80 -> 10.0.0.1\n"), "");
  EXPECT_EQ(
      problems_of("[forward]\nrule = tcp 80 -> 10.0.0.1\nrule = tcp 80 -> 10.0.0.2\n"),
      "natd.conf:3:8: error: forward.rule: the external port is taken by 'tcp 80 -> 10.0.0.1:80'; give every "
      "port forward its own\n");
  EXPECT_NE(problems_of("[forward]\nrule = tcp 80 -> 10.0.0.1 name=a\nrule = tcp 81 -> 10.0.0.1 name=a\n"),
            "");
}

TEST(ConfigValidate, PortForwardsLeaveTheGatewayItsPorts) {
  EXPECT_NE(problems_of("[forward]\nrule = tcp 60000 -> 10.0.0.1\n"), "");
  EXPECT_EQ(problems_of("[forward]\nrule = tcp 59999 -> 10.0.0.1\n"), "");
}

TEST(ConfigValidate, QueuesHaveNumbers) {
  EXPECT_EQ(problems_of("[datapath]\nfirst-queue = 65534\nqueues = 2\n"), "");
  EXPECT_NE(problems_of("[datapath]\nfirst-queue = 65535\nqueues = 2\n"), "");
}

// The kernel keeps a place of its queue for each fragment held.
TEST(ConfigValidate, FragmentsHeldLeaveRoomInTheQueue) {
  EXPECT_EQ(problems_of("[limits]\nheld-fragments = 512\n[datapath]\nqueue-length = 2048\n"), "");
  EXPECT_NE(problems_of("[limits]\nheld-fragments = 513\n[datapath]\nqueue-length = 2048\n"), "");
  EXPECT_NE(problems_of("[datapath]\nqueue-length = 1024\n"), "");
}

TEST(ConfigValidate, FragmentsWaitWhileTheirDatagramLives) {
  EXPECT_EQ(problems_of("[fragments]\nwait = 10s\nlifetime = 10s\n"), "");
  EXPECT_NE(problems_of("[fragments]\nwait = 11s\nlifetime = 10s\n"), "");
}

TEST(ConfigValidate, ThePoolHasEveryAddressOnce) {
  EXPECT_NE(problems_of("[pool]\naddress = 203.0.113.6\naddress = 203.0.113.6\n"), "");
  EXPECT_NE(problems_of("[pool]\naddress = 127.0.0.1\n"), "");
}

TEST(ConfigValidate, TheSocketHasAnAbsolutePathThatFits) {
  EXPECT_EQ(problems_of("[control]\npath = /" + std::string(106, 'a') + "\n"), "");
  EXPECT_NE(problems_of("[control]\npath = /" + std::string(107, 'a') + "\n"), "");
  EXPECT_NE(problems_of("[control]\npath = natd.sock\n"), "");
}

TEST(ConfigValidate, InternalNetworksAreNamedOnce) {
  const auto settings = settings_of(
      "[interfaces]\ninternal-networks = 10.0.0.0/24, 192.168.7.0/24\n"
      "internal-networks = 10.7.7.7\n");
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->policy.internal_networks,
            (std::vector<Prefix>{Prefix(Address(10, 0, 0, 0), 24), Prefix(Address(192, 168, 7, 0), 24),
                                 Prefix(Address(10, 7, 7, 7), 32)}));
  for (const char* wrong : {"10.0.0", "10.0.0.0/33", "lan0", "10.0.0.0-10.0.0.9"}) {
    EXPECT_NE(problems_of(std::string("interfaces.internal-networks = ") + wrong).find("is not a network"),
              std::string::npos)
        << wrong;
  }
  EXPECT_NE(problems_of("interfaces.internal-networks = 10.0.0.0/24, 10.0.0.0/24"), "");
}

TEST(ConfigValidate, RemotesAreExemptWithPortsOrWithout) {
  const auto settings =
      settings_of("[nat]\nexempt = 192.0.2.32, 198.51.100.0/24\nexempt = 192.0.2.33:5060-5061\n");
  ASSERT_TRUE(settings);
  const auto& exempt = settings->policy.exempt;
  ASSERT_EQ(exempt.size(), 3U);
  EXPECT_TRUE(exempt[0].every_port());
  EXPECT_EQ(exempt[1].remote, *Prefix::parse("198.51.100.0/24"));
  EXPECT_EQ(exempt[2].ports, (PortRange{5060, 5061}));
  EXPECT_EQ(find_option("nat.exempt")->write(*settings), "192.0.2.32, 198.51.100.0/24, 192.0.2.33:5060-5061");
  for (const char* wrong :
       {"192.0.2", "192.0.2.32:", "192.0.2.32:0", "192.0.2.32:70000", "192.0.2.0/33", "x:80"}) {
    EXPECT_NE(problems_of(std::string("nat.exempt = ") + wrong).find("is not a remote"), std::string::npos)
        << wrong;
  }
  EXPECT_NE(problems_of("nat.exempt = 192.0.2.32, 192.0.2.32"), "");
}

}  // namespace
}  // namespace nat
