#include "tests/natcheck/findings.h"

#include <gtest/gtest.h>

namespace nat::check {
namespace {

const Endpoint kLocal{Address(10, 0, 0, 1), 4321};
const Endpoint kOne{Address(203, 0, 113, 11), 62000}, kOther{Address(203, 0, 113, 11), 62001},
    kThird{Address(203, 0, 113, 11), 62002};

Findings seen(const std::optional<Endpoint>& first, const std::optional<Endpoint>& second,
              const std::optional<Endpoint>& second_port) {
  Findings findings;
  findings.local = kLocal;
  findings.first_server = first;
  findings.second_server = second;
  findings.second_port = second_port;
  return findings;
}

Findings filtered(std::optional<bool> stranger, std::optional<bool> other_port) {
  Findings findings = seen(kOne, kOne, kOne);
  findings.from_third_server.arrived = stranger;
  findings.from_second_port.arrived = other_port;
  return findings;
}

// RFC 4787 section 4.1: the mapping is reused for everything, for the same address, or for the same endpoint
// only.
TEST(Mapping, IsWhatTheServersSee) {
  EXPECT_EQ(mapping(seen(kOne, kOne, kOne)), Behavior::endpoint_independent);
  EXPECT_EQ(mapping(seen(kOne, kOther, kOther)), Behavior::address_dependent);
  EXPECT_EQ(mapping(seen(kOne, kOther, kThird)), Behavior::address_and_port_dependent);
}

TEST(Mapping, ThatDependsOnThePortAloneDependsOnThePort) {
  EXPECT_EQ(mapping(seen(kOne, kOne, kThird)), Behavior::address_and_port_dependent);
  EXPECT_EQ(consistent(seen(kOne, kOne, kThird)), false);
}

TEST(Mapping, IsNotGuessed) {
  EXPECT_EQ(mapping(seen(kOne, std::nullopt, std::nullopt)), std::nullopt);
  EXPECT_EQ(mapping(seen(std::nullopt, kOne, kOne)), std::nullopt);
  EXPECT_EQ(mapping(seen(kOne, kOther, std::nullopt)), std::nullopt) << "one of two dependent kinds";
  EXPECT_EQ(mapping(seen(kOne, kOne, std::nullopt)), Behavior::endpoint_independent)
      << "the paper's own test";
}

TEST(Filtering, IsWhoGetsThrough) {
  EXPECT_EQ(filtering(filtered(true, true)), Behavior::endpoint_independent);
  EXPECT_EQ(filtering(filtered(false, true)), Behavior::address_dependent);
  EXPECT_EQ(filtering(filtered(false, false)), Behavior::address_and_port_dependent);
}

TEST(Filtering, IsNotGuessed) {
  EXPECT_EQ(filtering(filtered(std::nullopt, false)), std::nullopt);
  EXPECT_EQ(filtering(filtered(false, std::nullopt)), std::nullopt);
  EXPECT_EQ(filtering(filtered(true, std::nullopt)), Behavior::endpoint_independent);
}

TEST(Translated, ComparesWithTheLocalEndpoint) {
  EXPECT_EQ(translated(seen(kLocal, kLocal, kLocal)), false);
  EXPECT_EQ(translated(seen(kOne, std::nullopt, std::nullopt)), true);
  EXPECT_EQ(translated(seen(std::nullopt, std::nullopt, std::nullopt)), std::nullopt);
}

Unsolicited answered(Outcome outcome, std::optional<bool> arrived) {
  Unsolicited unsolicited;
  unsolicited.response = outcome;
  unsolicited.arrived = arrived;
  return unsolicited;
}

TEST(Response, IsWhatTheSenderGotBack) {
  EXPECT_EQ(response(answered(Outcome::sent, false)), Response::silent);
  EXPECT_EQ(response(answered(Outcome::pending, false)), Response::silent);
  EXPECT_EQ(response(answered(Outcome::refused, false)), Response::refused);
  EXPECT_EQ(response(answered(Outcome::icmp, false)), Response::icmp);
  EXPECT_EQ(response(answered(Outcome::open, true)), Response::passed);
  EXPECT_EQ(response(answered(Outcome::open, false)), Response::intercepted);
  EXPECT_EQ(response(answered(Outcome::unavailable, std::nullopt)), std::nullopt);
  EXPECT_EQ(response(answered(Outcome::none, std::nullopt)), std::nullopt);
}

// Paper section 5: consistent translation and, over TCP, silence (or passage) for unsolicited SYNs.
TEST(Punchable, UdpNeedsConsistentTranslationOnly) {
  Findings findings = filtered(false, false);
  findings.from_third_server.response = Outcome::icmp;
  EXPECT_EQ(punchable(findings), true);
  EXPECT_EQ(punchable(seen(kOne, kOther, kOther)), false);
  EXPECT_EQ(punchable(seen(kOne, std::nullopt, std::nullopt)), std::nullopt);
}

TEST(Punchable, TcpNeedsThatNothingRefuses) {
  Findings findings = filtered(false, false);
  findings.protocol = Protocol::tcp;
  findings.from_third_server.response = Outcome::pending;
  EXPECT_EQ(punchable(findings), true);
  findings.from_third_server.response = Outcome::refused;
  EXPECT_EQ(punchable(findings), false);
  findings.from_third_server.response = Outcome::icmp;
  EXPECT_EQ(punchable(findings), false);
  findings.from_third_server = answered(Outcome::unavailable, std::nullopt);
  EXPECT_EQ(punchable(findings), std::nullopt);
  findings.from_third_server = answered(Outcome::open, true);
  EXPECT_EQ(punchable(findings), true);
}

// RFC 4787 REQ-9a. The port may differ where mappings depend on the destination.
TEST(ExternalSource, IsAboutTheAddress) {
  Hairpin hairpin;
  EXPECT_EQ(external_source(hairpin), std::nullopt);
  hairpin.external = kOne;
  hairpin.source = kOther;
  EXPECT_EQ(external_source(hairpin), true);
  hairpin.source = kLocal;
  EXPECT_EQ(external_source(hairpin), false);
}

}  // namespace
}  // namespace nat::check
