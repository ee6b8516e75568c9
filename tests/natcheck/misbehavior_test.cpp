#include "tests/natcheck/misbehavior.h"

#include <set>

#include <gtest/gtest.h>

#include "tests/natcheck/multi.h"

namespace nat::check {
namespace {

using enum Misbehavior;
using Names = std::set<std::string>;

const Endpoint kLocal{Address(10, 0, 0, 1), 4321};
const Endpoint kExternal{Address(203, 0, 113, 11), 62000}, kOther{Address(203, 0, 113, 11), 62001};
constexpr milliseconds kFloor{120'000};

Names names(const Sightings& sightings) {
  Names all;
  for (const Sighting& sighting : sightings) all.insert(to_string(sighting.what));
  return all;
}

// A gateway of which nothing bad can be said, by NAT Check.
Findings good(Protocol protocol) {
  Findings findings;
  findings.protocol = protocol;
  findings.local = kLocal;
  findings.first_server = findings.second_server = findings.second_port = kExternal;
  findings.from_third_server = {
      false, protocol == Protocol::udp ? Outcome::sent : Outcome::pending, 0, 0, {}};
  findings.from_second_port = findings.from_third_server;
  findings.hairpin = {true, true, kOther, kOther, kLocal};
  findings.payload_untouched = true;
  return findings;
}

// The same, by STUN: address-dependent filter, random ports, two to two and a half minutes of life.
stun::Findings good_by_stun() {
  stun::Findings findings;
  findings.seen.assign(2, {kLocal, kExternal, kExternal, kExternal});
  findings.let.assign(3, {true, false, true, false});
  findings.hairpin = {true, true, kOther, kOther, kLocal};
  findings.payload_untouched = findings.fragments = findings.survives_filter = true;
  findings.endurance = stun::Endurance{64, 0, milliseconds(900)};
  findings.allocations = {{40000, 1}, {40001, 9000}, {40002, 30}, {40003, 7777}};
  findings.lifetime = stun::Lifetime{milliseconds(120'000), milliseconds(150'000), true, false};
  return findings;
}

// The same, by several hosts.
MultiFindings good_for_several() {
  MultiFindings findings;
  Round round;
  round.endpoints = {{0, kExternal}, {1, kOther}};
  round.mappings = {{0, Behavior::endpoint_independent}, {1, Behavior::endpoint_independent}};
  findings.rounds = {round, round};
  findings.pairs[{0, 1}] = {true, true, kExternal};
  findings.pairs[{1, 0}] = {false, true, kOther};
  findings.apart = {{0, kExternal}, {1, kOther}};
  return findings;
}

Names several(const MultiFindings& udp, const MultiFindings& tcp) {
  MultiReport report;
  report.protocols = {udp, tcp};
  return names(misbehaviors(report));
}

TEST(Misbehavior, OfAGoodGatewayThereIsNone) {
  EXPECT_EQ(misbehaviors(good(Protocol::udp)), Sightings{});
  EXPECT_EQ(misbehaviors(good(Protocol::tcp)), Sightings{});
  EXPECT_EQ(misbehaviors(good_by_stun(), kFloor), Sightings{});
  EXPECT_EQ(several(good_for_several(), good_for_several()), Names{});
}

TEST(Misbehavior, IsNotConcludedFromNothing) {
  EXPECT_EQ(misbehaviors(Findings{}), Sightings{});
  EXPECT_EQ(misbehaviors(stun::Findings{}, kFloor), Sightings{});
  EXPECT_EQ(several({}, {}), Names{});
}

// RFC 4787 leaves mapping and filtering to the administrator.
TEST(Misbehavior, IsNotABehaviorThatMayBeChosen) {
  Findings symmetric = good(Protocol::udp);
  symmetric.second_server = kOther;
  EXPECT_EQ(misbehaviors(symmetric), Sightings{});
  stun::Findings by_stun = good_by_stun();
  by_stun.seen.assign(2, {kLocal, kExternal, kOther, kOther});
  by_stun.let.assign(3, {true, false, false, false});
  EXPECT_EQ(misbehaviors(by_stun, kFloor), Sightings{});
}

TEST(Misbehavior, IsARefusalOfSyns) {
  Findings findings = good(Protocol::tcp);
  findings.from_third_server.response = Outcome::refused;
  EXPECT_EQ(names(misbehaviors(findings)), Names{"syn-reset"});
  findings.from_third_server.response = Outcome::icmp;
  EXPECT_EQ(names(misbehaviors(findings)), Names{"syn-icmp"});
  findings = good(Protocol::tcp);
  findings.from_second_port.response = Outcome::refused;
  EXPECT_EQ(names(misbehaviors(findings)), Names{"syn-reset"}) << "from a port that is not permitted";
}

// RFC 5382 REQ-4: an ICMP error may come after six seconds. RFC 4787 does not forbid one for datagrams.
TEST(Misbehavior, IsNotALateIcmpErrorNorOneForDatagrams) {
  Findings findings = good(Protocol::tcp);
  findings.from_third_server.response = Outcome::icmp;
  findings.from_third_server.after = milliseconds(5999);
  EXPECT_EQ(names(misbehaviors(findings)), Names{"syn-icmp"});
  findings.from_third_server.after = milliseconds(6000);
  EXPECT_EQ(misbehaviors(findings), Sightings{});
  findings = good(Protocol::udp);
  findings.from_third_server.response = Outcome::icmp;
  EXPECT_EQ(misbehaviors(findings), Sightings{});
}

TEST(Misbehavior, IsARewrittenPayload) {
  Findings findings = good(Protocol::udp);
  findings.payload_untouched = false;
  EXPECT_EQ(names(misbehaviors(findings)), Names{"payload-rewriting"});
  stun::Findings by_stun = good_by_stun();
  by_stun.payload_untouched = false;
  EXPECT_EQ(names(misbehaviors(by_stun, kFloor)), Names{"payload-rewriting"});
}

TEST(Misbehavior, IsAMissingHairpinIfAnythingIsTranslated) {
  stun::Findings findings = good_by_stun();
  findings.hairpin.one_way = false;
  EXPECT_EQ(misbehaviors(findings, kFloor), Sightings{}) << "a filter may apply to hairpins";
  findings.hairpin = {false, false, {}, kOther, kLocal};
  EXPECT_EQ(names(misbehaviors(findings, kFloor)), Names{"no-hairpin"});
  findings.seen.assign(2, {kLocal, kLocal, kLocal, kLocal});
  EXPECT_EQ(misbehaviors(findings, kFloor), Sightings{});
}

TEST(Misbehavior, IsAHairpinThatShowsTheInside) {
  Findings findings = good(Protocol::udp);
  findings.hairpin.source = kLocal;
  findings.hairpin.two_way = false;
  EXPECT_EQ(names(misbehaviors(findings)), Names{"hairpin-internal-source"}) << "the cause, not what follows";
}

// RFC 4787 REQ-5 and REQ-6.
TEST(Misbehavior, IsAShortLife) {
  stun::Findings findings = good_by_stun();
  findings.lifetime->alive = milliseconds(28'000);
  findings.lifetime->dead = milliseconds(32'000);
  EXPECT_EQ(names(misbehaviors(findings, kFloor)), Names{"short-lifetime"});
  EXPECT_EQ(misbehaviors(findings, milliseconds(25'000)), Sightings{}) << "another floor";
  findings.lifetime->dead = milliseconds(130'000);
  EXPECT_EQ(misbehaviors(findings, kFloor), Sightings{}) << "not shown to be too short";
}

TEST(Misbehavior, IsAMissingRefreshFromInsideButNotFromOutside) {
  stun::Findings findings = good_by_stun();
  findings.lifetime->outbound_refresh = false;
  EXPECT_EQ(names(misbehaviors(findings, kFloor)), Names{"no-outbound-refresh"});
  findings.lifetime->outbound_refresh = true;
  for (const bool inbound : {false, true}) {
    findings.lifetime->inbound_refresh = inbound;
    EXPECT_EQ(misbehaviors(findings, kFloor), Sightings{}) << "RFC 4787 REQ-6 allows either";
  }
}

TEST(Misbehavior, IsAFilterThatEndsTheMapping) {
  stun::Findings findings = good_by_stun();
  findings.survives_filter = false;
  EXPECT_EQ(names(misbehaviors(findings, kFloor)), Names{"filter-ends-mapping"});
}

TEST(Misbehavior, IsALossOfMappings) {
  stun::Findings findings = good_by_stun();
  findings.endurance->losses = 1;
  EXPECT_EQ(names(misbehaviors(findings, kFloor)), Names{"mapping-loss"});
  findings.survives_filter = false;
  findings.seen.push_back({kLocal, kExternal, kOther, kOther});
  EXPECT_EQ(names(misbehaviors(findings, kFloor)), Names{"mapping-loss"}) << "the cause, not what follows";
}

// Nor is one that ran out while a slow host did not use it.
TEST(Misbehavior, IsNoLossWhereMappingsLiveTooShort) {
  stun::Findings findings = good_by_stun();
  findings.endurance->losses = 1;
  findings.lifetime = stun::Lifetime{milliseconds(500), milliseconds(800), true, false};
  EXPECT_EQ(names(misbehaviors(findings, kFloor)), Names{"short-lifetime"});
  findings.endurance->pause = milliseconds(400);
  EXPECT_EQ(names(misbehaviors(findings, kFloor)), (Names{"short-lifetime", "mapping-loss"}));
}

// RFC 4787 REQ-11.
TEST(Misbehavior, IsAChangeOfClass) {
  stun::Findings findings = good_by_stun();
  findings.seen.push_back({kLocal, kExternal, kOther, kOther});
  EXPECT_EQ(names(misbehaviors(findings, kFloor)), Names{"class-change"});
  findings = good_by_stun();
  findings.let[1].other_both = true;
  EXPECT_EQ(names(misbehaviors(findings, kFloor)), Names{"class-change"});
  MultiFindings several_hosts = good_for_several();
  several_hosts.rounds[1].mappings[1] = Behavior::address_and_port_dependent;
  EXPECT_EQ(several(several_hosts, good_for_several()), Names{"class-change"});
}

// Observations of hosts that do not keep their endpoints are not of one time.
TEST(Misbehavior, IsNothingThatLostMappingsShowToSeveralHosts) {
  MultiFindings findings = good_for_several();
  findings.rounds[1].unchanged = false;
  findings.rounds[1].mappings[1] = Behavior::address_and_port_dependent;
  findings.rounds[0].distinct = false;
  EXPECT_EQ(several(findings, good_for_several()), Names{});
}

TEST(Misbehavior, IsASequenceOfPorts) {
  stun::Findings findings = good_by_stun();
  findings.allocations = {{40000, 1}, {50001, 2}, {33002, 3}, {60003, 4}};
  EXPECT_EQ(names(misbehaviors(findings, kFloor)), Names{"sequential-ports"});
}

TEST(Misbehavior, IsTheLossOfFragments) {
  stun::Findings findings = good_by_stun();
  findings.fragments = false;
  EXPECT_EQ(names(misbehaviors(findings, kFloor)), Names{"fragments-lost"});
}

// RFC 4787 REQ-3: not even where every host talks to another server.
TEST(Misbehavior, IsAnEndpointOfTwoHosts) {
  MultiFindings findings = good_for_several();
  findings.apart[1] = kExternal;
  EXPECT_EQ(several(findings, good_for_several()), Names{"port-overloading"});
  findings.rounds[1].mappings[1] = Behavior::address_dependent;
  EXPECT_EQ(several(findings, good_for_several()), Names{"port-overloading"})
      << "the cause, not what follows";
  findings = good_for_several();
  findings.rounds[0].distinct = false;
  EXPECT_EQ(several(findings, good_for_several()), Names{"port-overloading"});
}

MultiFindings without_hairpins() {
  MultiFindings findings = good_for_several();
  for (auto& [direction, pair] : findings.pairs) pair = {};
  return findings;
}

TEST(Misbehavior, IsThatNoHostsMeet) {
  EXPECT_EQ(several(without_hairpins(), good_for_several()), Names{"no-hairpin"});
  MultiFindings some = good_for_several();
  some.pairs[{0, 1}] = {};
  EXPECT_EQ(several(some, good_for_several()), Names{}) << "others do meet";
  MultiFindings unseen = without_hairpins();
  unseen.rounds[0].complete = false;
  EXPECT_EQ(several(unseen, good_for_several()), Names{}) << "nobody knew where to";
}

// The SYN arrives, but its answer goes to an endpoint that has sent none.
TEST(Misbehavior, IsNoInternalSourceWhereTheExternalIsUnknown) {
  MultiFindings findings = good_for_several();
  findings.rounds[0].endpoints[0].reset();
  EXPECT_EQ(several(findings, good_for_several()), Names{});
}

TEST(Misbehavior, IsTheInternalSourceWhereTcpFailsOverIt) {
  MultiFindings udp = good_for_several();
  udp.pairs[{0, 1}].source = kLocal;
  EXPECT_EQ(several(udp, without_hairpins()), Names{"hairpin-internal-source"});
}

TEST(Misbehavior, EachHasANameOfItsOwnAndARule) {
  Names all;
  for (int i = 0; i <= static_cast<int>(hairpin_internal_source); ++i) {
    const auto one = static_cast<Misbehavior>(i);
    EXPECT_TRUE(all.insert(to_string(one)).second) << to_string(one);
    EXPECT_EQ(std::string(rule(one)).substr(0, 4), "RFC ");
  }
}

TEST(Misbehavior, AreListedForPeople) {
  EXPECT_EQ(lines({}), "misbehaviours: none seen\n");
  EXPECT_EQ(lines({{no_hairpin, Protocol::tcp}}),
            "misbehaviours:\n"
            "  no-hairpin               TCP  does not let internal hosts meet at their external endpoints "
            "(RFC 4787 REQ-9)\n");
}

}  // namespace
}  // namespace nat::check
