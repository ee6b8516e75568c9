// IP options through the engine: those in which addresses travel are refused or blanked (RFC 7126).
#include <gtest/gtest.h>

#include "tests/support/checksums.h"
#include "tests/support/fragments.h"
#include "tests/support/leak_watch.h"
#include "tests/support/packet_builder.h"
#include "tests/support/test_gateway.h"

namespace nat::test {
namespace {

constexpr auto kIn1 = "10.0.0.1:4321";
constexpr auto kOut1 = "192.0.2.31:7000";
constexpr auto kExternal = "203.0.113.11:4321";
constexpr std::uint8_t kKinds[] = {7, 68, 82, 147, 149};

Policy blanking() {
  Policy policy = plain_policy();
  policy.address_options = AddressOptions::blank;
  return policy;
}

bool is_inside(Address address) { return Prefix(Address(10, 0, 0, 0), 24).contains(address); }

Octets recorded(std::uint8_t kind) { return recording_option(address("10.0.0.1"), kind); }

// Rows: OP1 NO5
TEST(EngineOptions, ThoseInWhichAddressesTravelAreRefused) {
  TestGateway gateway;
  gateway.from_inside(udp(kIn1, kOut1));
  for (const std::uint8_t kind : kKinds) {
    const Octets out = udp(kIn1, kOut1).ip_options(recorded(kind));
    const Outcome outcome = gateway.from_inside(out);
    EXPECT_EQ(outcome.reason, Reason::address_option) << unsigned{kind};
    EXPECT_EQ(outcome.packet, out);
    EXPECT_EQ(gateway.from_outside(udp(kOut1, kExternal).ip_options(recorded(kind))).reason,
              Reason::address_option);
  }
  EXPECT_EQ(gateway.count(Reason::address_option), 2 * std::size(kKinds));
}

// Rows: OP2
TEST(EngineOptions, OthersPassAsTheyAre) {
  TestGateway gateway;
  for (const Octets& options :
       {Octets{148, 4, 0, 0}, Octets{1, 1, 1, 0}, Octets{130, 4, 9, 9}, Octets{0, 7, 7, 4}}) {
    EXPECT_EQ(gateway.from_inside(udp(kIn1, kOut1).ip_options(options)).packet,
              udp(kExternal, kOut1).ip_options(options).build());
  }
}

// What is not for natd, what is exempt and what the gateway itself sends is left alone.
TEST(EngineOptions, OnlyWhatIsTranslatedIsLookedAt) {
  Policy policy = plain_policy();
  policy.exempt = {{Prefix(Address(192, 0, 2, 99), 32)}};
  TestGateway gateway(policy);
  EXPECT_EQ(gateway.from_outside(udp(kOut1, "198.51.100.77:5").ip_options(recorded(7))).reason,
            Reason::not_ours);
  EXPECT_EQ(gateway.from_inside(udp(kIn1, "192.0.2.99:5").ip_options(recorded(7))).reason, Reason::exempt);
  EXPECT_EQ(gateway.from_gateway(udp("203.0.113.11:5353", kOut1).ip_options(recorded(7))).reason,
            Reason::not_ours);
}

// Blanked, in both directions and hairpinned; the neighbours among the options stay, and every checksum is
// right.
// Rows: OP1 NO5
TEST(EngineOptions, MayBeBlanked) {
  TestGateway gateway(blanking());
  for (const std::uint8_t kind : kKinds) {
    Octets options{148, 4, 0, 0};
    const Octets recording = recorded(kind);
    options.insert(options.end(), recording.begin(), recording.end());
    const Octets blank{148, 4, 0, 0, 1, 1, 1, 1, 1, 1, 1, 0};
    const Outcome out = gateway.from_inside(udp(kIn1, kOut1).ip_options(options).payload("data"));
    EXPECT_EQ(out.packet, udp(kExternal, kOut1).ip_options(blank).payload("data").build()) << unsigned{kind};
    EXPECT_EQ(leak_of(out.packet, is_inside), "");
    EXPECT_EQ(gateway.from_outside(udp(kOut1, kExternal).ip_options(options)).packet,
              udp(kOut1, kIn1).ip_options(blank).build());
  }
}

// Every fragment has options of its own, whether it waits or not.
// Rows: OP1
TEST(EngineOptions, OfFragmentsToo) {
  const auto pieces = cut(udp(kIn1, kOut1).payload(Octets(64)).may_fragment(), 32);
  const Octets first = with_options(pieces[0], recorded(7));
  const Octets second = with_options(pieces[1], recorded(147));
  TestGateway refusing;
  EXPECT_EQ(refusing.from_inside(second).reason, Reason::address_option);
  EXPECT_EQ(refusing.from_inside(first).reason, Reason::address_option);

  TestGateway gateway(blanking());
  EXPECT_EQ(gateway.from_inside(second, 5).reason, Reason::fragment_held);
  EXPECT_EQ(leak_of(gateway.from_inside(first).packet, is_inside), "");
  const auto released = gateway.released();
  ASSERT_EQ(released.size(), 1U);
  EXPECT_EQ(leak_of(released[0].second.packet, is_inside), "");
  EXPECT_TRUE(ip_checksum_valid(released[0].second.packet));
}

// A quote is a packet, too.
// Rows: OP1 NO5 I3b
TEST(EngineOptions, InAQuote) {
  for (const bool blank : {false, true}) {
    TestGateway gateway(blank ? blanking() : plain_policy());
    gateway.from_inside(udp(kIn1, kOut1));
    const Octets delivered = gateway.from_outside(udp(kOut1, kExternal).payload("data")).packet;
    const Octets quoted = with_options(delivered, recorded(7));
    const Outcome error = gateway.from_inside(icmp_error("10.0.0.1", "192.0.2.31", 3, 3, quoted));
    EXPECT_EQ(error.reason, blank ? Reason::translated : Reason::address_option);
    if (!blank) continue;
    const Octets expected =
        without_address_options(with_options(udp(kOut1, kExternal).payload("data"), recorded(7)));
    EXPECT_EQ(error.packet, icmp_error("203.0.113.11", "192.0.2.31", 3, 3, expected).build());
    EXPECT_EQ(leak_of(error.packet, is_inside), "");
  }
}

// The watch itself sees each place.
TEST(LeakWatch, SeesHeadersOptionsAndQuotes) {
  EXPECT_EQ(leak_of(udp(kExternal, kOut1).payload(Octets{10, 0, 0, 1}), is_inside), "");
  EXPECT_EQ(leak_of(udp(kIn1, kOut1), is_inside), "source of the header");
  EXPECT_EQ(leak_of(udp(kExternal, kOut1).ip_options(recorded(68)), is_inside), "option 68 of the header");
  EXPECT_EQ(leak_of(icmp_error("203.0.113.11", "192.0.2.31", 3, 3, udp(kOut1, kIn1)), is_inside),
            "destination of the quoted header");
  EXPECT_EQ(
      leak_of(icmp_error("203.0.113.11", "192.0.2.31", 3, 3, udp(kOut1, kExternal).ip_options(recorded(7))),
              is_inside),
      "option 7 of the quoted header");
}

}  // namespace
}  // namespace nat::test
