#include "tests/natcheck/message.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace nat::check {
namespace {

const Endpoint kExternal{Address(203, 0, 113, 11), 62000};
const Endpoint kInternal{Address(10, 0, 0, 1), 4321};

Message every_field() {
  Message message;
  message.kind = Kind::echoed;
  message.run = 0x0123456789abcdef;
  message.stage = Stage::payload;
  message.observed = kExternal;
  message.protocol = Protocol::tcp;
  message.outcome = Outcome::altered;
  message.icmp_type = 3;
  message.icmp_code = 13;
  message.wait = 2000;
  message.subject = kInternal;
  message.raw_local = kInternal;
  message.raw_observed = kExternal;
  message.cookie = 0xfedcba9876543210;
  message.tag = 49;
  return message;
}

// The octets of an endpoint as a payload rewriter would look for them.
bool contains(const Octets& octets, const Endpoint& endpoint) {
  const std::uint32_t address = endpoint.address.value();
  const std::uint8_t wanted[] = {static_cast<std::uint8_t>(address >> 24),
                                 static_cast<std::uint8_t>(address >> 16),
                                 static_cast<std::uint8_t>(address >> 8), static_cast<std::uint8_t>(address)};
  return std::search(octets.begin(), octets.end(), std::begin(wanted), std::end(wanted)) != octets.end();
}

TEST(Message, EveryFieldSurvivesTheWire) {
  Message parsed;
  ASSERT_TRUE(parse(encode(every_field()), parsed));
  EXPECT_EQ(parsed, every_field());
}

TEST(Message, IsLaidOutAsDocumented) {
  const Octets octets = encode(every_field());
  const std::uint8_t opening[] = {'N',  'A',  'T',  'C',  1,    9,    0x01, 0x23,
                                  0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 6};
  EXPECT_TRUE(std::equal(std::begin(opening), std::end(opening), octets.begin()));
  // ~203 ~0 ~113 ~11, ~62000 = 0x0dcf
  const std::uint8_t observed[] = {52, 255, 142, 244, 0x0d, 0xcf};
  EXPECT_TRUE(std::equal(std::begin(observed), std::end(observed), octets.begin() + 15));
  const std::uint8_t raw_local[] = {10, 0, 0, 1, 0x10, 0xe1};
  EXPECT_TRUE(std::equal(std::begin(raw_local), std::end(raw_local), octets.begin() + 33));
  EXPECT_TRUE(std::all_of(octets.begin() + 55, octets.end(), [](std::uint8_t octet) { return octet == 0; }));
}

TEST(Message, HidesEndpointsFromPayloadRewriters) {
  Message message;
  message.observed = kExternal;
  message.subject = kInternal;
  EXPECT_FALSE(contains(encode(message), kExternal));
  EXPECT_FALSE(contains(encode(message), kInternal));
}

TEST(Message, ShowsTheRawEndpointsToThem) {
  Message message;
  message.raw_local = kInternal;
  message.raw_observed = kExternal;
  EXPECT_TRUE(contains(encode(message), kInternal));
  EXPECT_TRUE(contains(encode(message), kExternal));
}

TEST(Message, OnlyOneSizeIsAMessage) {
  const Octets octets = encode({});
  Message parsed;
  for (std::size_t size = 0; size < octets.size(); ++size) {
    EXPECT_FALSE(parse(std::span(octets).first(size), parsed)) << size;
  }
  std::vector<std::uint8_t> longer(octets.begin(), octets.end());
  longer.push_back(0);
  EXPECT_FALSE(parse(longer, parsed));
}

TEST(Message, OnlyKnownValuesAreWellFormed) {
  struct Spoilt {
    std::size_t at;
    std::uint8_t value;
    const char* what;
  };
  for (const auto& [at, value, what] :
       {Spoilt{0, 'n', "magic"}, Spoilt{4, 2, "version"}, Spoilt{5, 0, "kind below"},
        Spoilt{5, 10, "kind above"}, Spoilt{14, 7, "stage"}, Spoilt{21, 1, "protocol"},
        Spoilt{22, 14, "outcome"}, Spoilt{55, 1, "padding"}, Spoilt{63, 1, "padding"}}) {
    Octets octets = encode({});
    octets[at] = value;
    Message parsed = every_field();
    EXPECT_FALSE(parse(octets, parsed)) << what;
    EXPECT_EQ(parsed, every_field()) << what << ": a refused message leaves no trace";
  }
}

}  // namespace
}  // namespace nat::check
