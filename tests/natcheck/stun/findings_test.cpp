#include "tests/natcheck/stun/findings.h"

#include <gtest/gtest.h>

namespace nat::check::stun {
namespace {

const Endpoint kLocal{Address(10, 0, 0, 1), 40000};

Endpoint external(std::uint16_t port) { return {Address(203, 0, 113, 11), port}; }

Seen seen(std::uint16_t primary, std::uint16_t other_address, std::uint16_t other_both) {
  return {kLocal, external(primary), external(other_address), external(other_both)};
}

Let let(std::optional<bool> other_both, std::optional<bool> other_port) {
  return {true, other_both, other_port, {}};
}

const Seen kIndependent = seen(1, 1, 1), kByAddress = seen(1, 2, 2), kByBoth = seen(1, 2, 3);
const Let kOpen = let(true, true), kByAddressOnly = let(false, true), kClosed = let(false, false);

// MP1 to MP3.
TEST(StunMapping, IsWhatTheServersEndpointsSee) {
  EXPECT_EQ(mapping(kIndependent), Behavior::endpoint_independent);
  EXPECT_EQ(mapping(kByAddress), Behavior::address_dependent);
  EXPECT_EQ(mapping(kByBoth), Behavior::address_and_port_dependent);
  EXPECT_EQ(mapping(Seen{kLocal, external(1), {}, {}}), std::nullopt);
}

// FL1 to FL3.
TEST(StunFiltering, IsWhatIsHeard) {
  EXPECT_EQ(filtering(kOpen), Behavior::endpoint_independent);
  EXPECT_EQ(filtering(kByAddressOnly), Behavior::address_dependent);
  EXPECT_EQ(filtering(kClosed), Behavior::address_and_port_dependent);
  EXPECT_EQ(filtering(let(std::nullopt, false)), std::nullopt);
  EXPECT_EQ(filtering(let(false, std::nullopt)), std::nullopt);
  Let deaf = kClosed;
  deaf.primary = false;
  EXPECT_EQ(filtering(deaf), std::nullopt) << "who hears nothing at all says nothing of the filter";
}

// A reply that got lost looks like a filter; it takes two of three to believe it.
TEST(StunFiltering, IsWhatMostPortsSay) {
  Findings findings;
  findings.let = {kByAddressOnly, kClosed, kByAddressOnly};
  EXPECT_EQ(filtering(findings), Behavior::address_dependent);
  EXPECT_EQ(steady_filtering(findings), true) << "less than usual may be loss";
  findings.let = {kClosed, kOpen, kClosed};
  EXPECT_EQ(filtering(findings), Behavior::address_and_port_dependent);
  EXPECT_EQ(steady_filtering(findings), false) << "more than usual is no loss";
  findings.let = {kOpen};
  EXPECT_EQ(steady_filtering(findings), std::nullopt);
}

// RFC 4787 REQ-11.
TEST(StunMapping, IsSteadyIfAllPortsSayTheSame) {
  Findings findings;
  findings.seen = {kIndependent};
  EXPECT_EQ(steady_mapping(findings), std::nullopt);
  findings.seen = {kIndependent, kIndependent, Seen{kLocal, external(1), {}, {}}};
  EXPECT_EQ(steady_mapping(findings), true) << "who got no answer does not count";
  findings.seen.push_back(kByBoth);
  EXPECT_EQ(steady_mapping(findings), false);
  EXPECT_EQ(mapping(findings), Behavior::endpoint_independent);
}

Findings allocated(const std::vector<Allocation>& allocations) {
  Findings findings;
  findings.allocations = allocations;
  return findings;
}

TEST(Predictable, ArePortsThatFollowEachOther) {
  EXPECT_EQ(predictable(allocated({{40000, 2000}, {33000, 2001}, {51000, 2002}, {47000, 2003}})), true);
  EXPECT_EQ(predictable(allocated({{40000, 2003}, {33000, 2002}, {51000, 2001}, {47000, 2000}})), true)
      << "downward";
  EXPECT_EQ(predictable(allocated({{40000, 2000}, {33000, 2001}, {51000, 2004}, {47000, 2090}})), true)
      << "others took some meanwhile";
}

TEST(Predictable, AreNotPortsThatFollowTheLocalOnes) {
  EXPECT_EQ(predictable(allocated({{40000, 40000}, {40001, 40001}, {40002, 40002}, {40003, 40003}})), false);
  EXPECT_EQ(predictable(allocated({{40000, 50000}, {40001, 50001}, {40002, 50002}, {40003, 50003}})), false);
}

TEST(Predictable, AreNotRandomPorts) {
  EXPECT_EQ(predictable(allocated({{40000, 2000}, {33000, 61234}, {51000, 61235}, {47000, 7000}})), false);
  EXPECT_EQ(predictable(allocated({{40000, 2000}, {33000, 2001}, {51000, 2002}})), std::nullopt);
}

}  // namespace
}  // namespace nat::check::stun
