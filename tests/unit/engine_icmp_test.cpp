// ICMP through the engine: the I rows (RFC 5508).
#include <gtest/gtest.h>

#include "tests/support/checksums.h"
#include "tests/support/packet_builder.h"
#include "tests/support/test_gateway.h"
#include "translation/net/wire.h"

namespace nat::test {
namespace {

constexpr auto kIn1 = "10.0.0.1:4321";
constexpr auto kOut1 = "192.0.2.31:7000";
constexpr auto kExternal = "203.0.113.11:4321";

// --- Queries.

// One identifier whatever the destination.
// Rows: I1a
TEST(EngineIcmp, OneIdentifierForAllDestinations) {
  TestGateway gateway;
  const Outcome first = gateway.from_inside(echo("10.0.0.1", "192.0.2.31", 7007));
  const Outcome second = gateway.from_inside(echo("10.0.0.1", "192.0.2.32", 7007));
  EXPECT_EQ(identifier_of(first.packet), identifier_of(second.packet));
  EXPECT_EQ(gateway.mappings().size(), 1U);
}

// Sixty seconds; an error in between neither refreshes nor ends it.
// Rows: I2 I6 X11
TEST(EngineIcmp, QueriesLiveAMinute) {
  TestGateway gateway;
  const Octets out = gateway.from_inside(echo("10.0.0.1", "192.0.2.31", 7007)).packet;
  gateway.pass(seconds(30));
  EXPECT_TRUE(gateway.from_outside(icmp_error("192.0.2.1", "203.0.113.11", 11, 0, out)).forwarded());
  gateway.pass(seconds(29));
  EXPECT_TRUE(gateway.from_outside(echo_reply("192.0.2.31", "203.0.113.11", 7007)).forwarded());
  gateway.pass(seconds(2));
  EXPECT_EQ(gateway.from_outside(echo_reply("192.0.2.31", "203.0.113.11", 7007)).reason,
            Reason::echo_no_session);
  EXPECT_TRUE(gateway.mappings().empty());  // X11
}

TEST(EngineIcmp, RepliesNeedARequest) {
  TestGateway gateway;
  EXPECT_EQ(gateway.from_inside(echo_reply("10.0.0.1", "192.0.2.31", 7007)).reason, Reason::echo_no_session);
  gateway.from_inside(echo("10.0.0.1", "192.0.2.31", 7007));
  EXPECT_EQ(gateway.from_outside(echo_reply("192.0.2.32", "203.0.113.11", 7007)).reason,
            Reason::filtered_by_address);
}

// A request from outside is for the gateway, even when its identifier is that of a ping from inside.
TEST(EngineIcmp, RequestsFromOutsideAreForTheGateway) {
  TestGateway gateway;
  gateway.from_inside(echo("10.0.0.1", "192.0.2.31", 7007));
  EXPECT_EQ(gateway.from_outside(echo("192.0.2.31", "203.0.113.11", 7007)).reason, Reason::no_mapping);
  gateway.host.sockets = {{Protocol::icmp, 0}};
  EXPECT_EQ(gateway.from_outside(echo("192.0.2.31", "203.0.113.11", 7007)).reason, Reason::gateway_traffic);
}

TEST(EngineIcmp, ThePoolIsPingedOnTheGateway) {
  TestGateway gateway;
  EXPECT_EQ(gateway.from_inside(echo("10.0.0.1", "203.0.113.11", 7007)).reason, Reason::no_mapping);
  gateway.host.sockets = {{Protocol::icmp, 0}};
  EXPECT_EQ(gateway.from_inside(echo("10.0.0.1", "203.0.113.11", 7007)).reason, Reason::gateway_traffic);
}

// The gateway's own pings share the number space of the identifiers.
TEST(EngineIcmp, TheGatewaysPingsDoNotClash) {
  TestGateway gateway;
  gateway.from_inside(echo("10.0.0.1", "192.0.2.31", 7007));
  const Outcome own = gateway.from_gateway(echo("203.0.113.11", "192.0.2.31", 7007));
  ASSERT_TRUE(own.forwarded());
  const std::uint16_t identifier = identifier_of(own.packet);
  EXPECT_NE(identifier, 7007);
  const Outcome reply = gateway.from_outside(echo_reply("192.0.2.31", "203.0.113.11", identifier));
  EXPECT_EQ(reply.packet, echo_reply("192.0.2.31", "203.0.113.11", 7007).build());
}

// Rows: I10b I10c I11
TEST(EngineIcmp, OtherMessagesAreDropped) {
  TestGateway gateway;
  for (const std::uint8_t type : Octets{4, 5, 9, 10, 13, 14, 15, 16, 17, 18, 40}) {
    Octets packet = echo("10.0.0.1", "192.0.2.31", 7007);
    packet[20] = type;
    fix_transport_checksum(packet);
    EXPECT_EQ(gateway.from_inside(packet).reason, Reason::icmp_unsupported) << unsigned{type};
  }
  EXPECT_TRUE(gateway.mappings().empty());
}

// --- Errors from outside.

// Every kind, from the remote and from a router never contacted; nothing but addresses and ports
// changes.
// Rows: I4a U12a T9
TEST(EngineIcmp, ErrorsFromOutside) {
  struct Kind {
    std::uint8_t type, code;
    std::uint32_t rest;
  };
  for (const Kind kind : {Kind{3, 0, 0}, Kind{3, 1, 0}, Kind{3, 3, 0}, Kind{3, 4, 1280}, Kind{3, 13, 0},
                          Kind{11, 0, 0}, Kind{11, 1, 0}, Kind{12, 0, 0x14000000}}) {
    for (const char* from : {"192.0.2.31", "198.51.100.1"}) {
      TestGateway gateway;
      const Octets inside = tcp(kIn1, kOut1, kSyn).payload("data");
      const Octets outside = gateway.from_inside(inside).packet;
      const Outcome error = gateway.from_outside(
          icmp_error(from, "203.0.113.11", kind.type, kind.code, outside).rest_of_header(kind.rest));
      EXPECT_EQ(error.reason, Reason::translated);
      EXPECT_EQ(error.packet,
                icmp_error(from, "10.0.0.1", kind.type, kind.code, inside).rest_of_header(kind.rest).build());
    }
  }
}

// Rows: I3 I3a I3c I4
TEST(EngineIcmp, ErrorsThatAreNotBelieved) {
  TestGateway gateway;
  const Octets outside = gateway.from_inside(udp(kIn1, kOut1).payload("data")).packet;
  const auto from_outside = [&](const Octets& about) {
    return gateway.from_outside(icmp_error("192.0.2.31", "203.0.113.11", 3, 3, about)).reason;
  };
  EXPECT_EQ(from_outside(udp("203.0.113.11:4322", kOut1)), Reason::icmp_no_session);
  EXPECT_EQ(from_outside(udp(kExternal, "192.0.2.31:7001")), Reason::icmp_no_session);
  EXPECT_EQ(from_outside(tcp(kExternal, kOut1, kSyn)), Reason::icmp_no_session);
  Octets header = outside;
  header[8] ^= 1;
  gateway.change([](Policy& policy) { policy.strict_quotes = true; });
  EXPECT_EQ(from_outside(header), Reason::icmp_quote_bad_checksum);
  gateway.change([](Policy& policy) { policy.strict_quotes = false; });
  EXPECT_EQ(from_outside(header), Reason::translated);
  Octets stranger = udp(kExternal, "192.0.2.31:7001").build();
  stranger[8] ^= 1;
  EXPECT_EQ(from_outside(stranger), Reason::icmp_no_session);
  Octets transport = outside;
  transport[27] ^= 1;
  EXPECT_EQ(from_outside(transport), Reason::translated);
  EXPECT_EQ(gateway.from_outside(icmp_error("192.0.2.31", "203.0.113.11", 3, 3, outside).broken()).reason,
            Reason::icmp_bad_checksum);
}

// A router that took a hop off and left the checksum: the path MTU gets through, in both directions, and what
// was wrong stays wrong by as much, as the checksum of the error stays right.
// Rows: I3a T9
TEST(EngineIcmp, AQuoteWithAWrongChecksumIsAsWrongAsBefore) {
  TestGateway gateway;
  const auto hop_taken = [](Octets packet) {
    packet[8] -= 1;
    return packet;
  };
  const Octets inside = tcp(kIn1, kOut1, kSyn).payload("data");
  const Octets outside = gateway.from_inside(inside).packet;
  const Outcome in = gateway.from_outside(
      icmp_error("198.51.100.1", "203.0.113.11", 3, 4, hop_taken(outside)).rest_of_header(1280));
  EXPECT_EQ(in.reason, Reason::translated);
  EXPECT_EQ(in.packet,
            icmp_error("198.51.100.1", "10.0.0.1", 3, 4, hop_taken(inside)).rest_of_header(1280).build());
  EXPECT_TRUE(checksums_valid(in.packet));

  const Octets answer = tcp(kOut1, kExternal, kSyn | kAck);
  const Octets answer_inside = gateway.from_outside(answer).packet;
  const Outcome out =
      gateway.from_inside(icmp_error("10.0.0.77", "192.0.2.31", 11, 0, hop_taken(answer_inside)));
  EXPECT_EQ(out.packet, icmp_error("203.0.113.11", "192.0.2.31", 11, 0, hop_taken(answer)).build());
}

// No error ends or prolongs anything.
// Rows: U12 I6 NO3
TEST(EngineIcmp, ErrorsTouchNoTimer) {
  TestGateway gateway;
  const Octets outside = gateway.from_inside(udp(kIn1, kOut1)).packet;
  for (int i = 0; i < 29; ++i) {
    gateway.pass(seconds(10));
    gateway.from_outside(
        icmp_error("192.0.2.31", "203.0.113.11", 3, static_cast<std::uint8_t>(i % 16), outside));
  }
  EXPECT_TRUE(gateway.from_outside(udp(kOut1, kExternal)).forwarded());
  gateway.pass(seconds(11));
  EXPECT_TRUE(gateway.mappings().empty());
}

// --- Errors from inside.

// The host itself, and a router behind the gateway.
// Rows: I5 I5a
TEST(EngineIcmp, ErrorsFromInside) {
  TestGateway gateway;
  gateway.from_inside(udp(kIn1, kOut1));
  const Octets outside = udp(kOut1, kExternal).payload("data");
  const Octets inside = gateway.from_outside(outside).packet;
  for (const char* from : {"10.0.0.1", "10.0.0.77"}) {
    const Outcome error = gateway.from_inside(icmp_error(from, "192.0.2.31", 3, 3, inside));
    EXPECT_EQ(error.reason, Reason::translated);
    EXPECT_EQ(error.out, Realm::external);
    EXPECT_EQ(error.packet, icmp_error("203.0.113.11", "192.0.2.31", 3, 3, outside).build());
  }
  EXPECT_EQ(gateway.from_inside(icmp_error("10.0.0.1", "192.0.2.31", 3, 3, udp(kOut1, "10.0.0.1:99"))).reason,
            Reason::icmp_no_session);
}

// Errors that the gateway's kernel makes about packets already translated.
// Rows: TT4
TEST(EngineIcmp, ErrorsOfTheGatewayItself) {
  TestGateway gateway;
  gateway.from_inside(udp(kIn1, kOut1));
  const Octets outside = udp(kOut1, kExternal).payload("data");
  const Octets inside = gateway.from_outside(outside).packet;
  const Outcome error = gateway.from_gateway(icmp_error("203.0.113.11", "192.0.2.31", 11, 0, inside));
  EXPECT_EQ(error.packet, icmp_error("203.0.113.11", "192.0.2.31", 11, 0, outside).build());
  // Its other packets are not the engine's business.
  const Octets own = icmp_error("203.0.113.11", "192.0.2.31", 3, 3, udp(kOut1, "203.0.113.11:123"));
  EXPECT_EQ(gateway.from_gateway(own).reason, Reason::not_ours);
  EXPECT_EQ(gateway.from_gateway(udp("203.0.113.11:5353", kOut1)).reason, Reason::not_ours);
  EXPECT_EQ(gateway.from_gateway(echo_reply("203.0.113.11", "192.0.2.31", 9)).reason, Reason::not_ours);
}

// A packet with its last hop comes in from a remote of before, whose session has run out: the error is
// translated all the same.
// Rows: NO5 I5a
TEST(EngineIcmp, ErrorsOfTheGatewayItselfAboutARememberedRemote) {
  TestGateway gateway;
  gateway.from_inside(udp(kIn1, kOut1));
  gateway.pass(seconds(200));
  gateway.from_inside(udp(kIn1, "192.0.2.32:7000"));
  gateway.pass(seconds(200));
  const Octets outside = udp(kOut1, kExternal).payload("data");
  const Outcome passed = gateway.from_outside(outside);
  ASSERT_TRUE(passed.forwarded());
  ASSERT_EQ(gateway.engine.gauges().dormant, 1U);
  const Outcome error = gateway.from_gateway(icmp_error("203.0.113.11", "192.0.2.31", 11, 0, passed.packet));
  EXPECT_EQ(error.reason, Reason::translated);
  EXPECT_EQ(error.packet, icmp_error("203.0.113.11", "192.0.2.31", 11, 0, outside).build());
}

// What cannot be translated does not leave: a host of ours by a mapping, public address or not, in any kind
// of quote, and a private address of whomever; what the receiver knows anyway leaves.
// Rows: NO5
TEST(EngineIcmp, ErrorsOfTheGatewayItselfShowNoInternalAddress) {
  TestGateway gateway;
  gateway.from_inside(udp("198.51.100.77:5", kOut1));
  const auto about = [&](const Octets& packet, const char* receiver = "192.0.2.99") {
    return gateway.from_gateway(icmp_error("203.0.113.11", receiver, 12, 0, packet)).reason;
  };
  // Hairpinned, from a forged source: the error goes to whom that is.
  EXPECT_EQ(about(udp("192.0.2.99:7", "10.0.0.1:4321")), Reason::icmp_quotes_internal);
  EXPECT_EQ(about(udp("192.0.2.99:7", "198.51.100.77:6")), Reason::icmp_quotes_internal);
  EXPECT_EQ(about(other_protocol(address("192.0.2.99"), address("10.0.0.1"), 47)),
            Reason::icmp_quotes_internal);
  EXPECT_EQ(about(udp("10.0.0.9:7", "192.0.2.31:7")), Reason::icmp_quotes_internal);
  EXPECT_EQ(gateway.count(Reason::icmp_quotes_internal), 4U);
  // A packet to the gateway itself, one that it routes past natd, and one of a private network outside.
  EXPECT_EQ(about(udp("192.0.2.99:7", "203.0.113.11:123")), Reason::not_ours);
  EXPECT_EQ(about(udp("192.0.2.99:7", "198.51.100.5:7")), Reason::not_ours);
  EXPECT_EQ(about(udp("172.16.0.9:7", "172.16.1.9:7"), "172.16.0.9"), Reason::not_ours);
  gateway.change([](Policy& policy) { policy.exempt = {{Prefix(Address(192, 0, 2, 99), 32)}}; });
  EXPECT_EQ(about(udp("192.0.2.99:7", "10.0.0.1:4321")), Reason::not_ours);
}

TEST(EngineIcmp, ErrorsAboutTheGatewaysOwnPackets) {
  TestGateway gateway;
  gateway.host.sockets = {{Protocol::udp, 5353}};
  const Octets about = udp("203.0.113.11:5353", kOut1);
  EXPECT_EQ(gateway.from_outside(icmp_error("192.0.2.31", "203.0.113.11", 3, 3, about)).reason,
            Reason::gateway_traffic);
}

// Both headers of a hairpinned error are translated.
// Rows: I7 I7a X12
TEST(EngineIcmp, HairpinnedErrors) {
  TestGateway gateway;
  gateway.from_inside(udp("10.0.0.2:5000", kOut1));
  const Octets asked = udp(kIn1, "203.0.113.11:5000").payload("data");
  const Octets delivered = gateway.from_inside(asked).packet;
  const Outcome error = gateway.from_inside(icmp_error("10.0.0.2", "203.0.113.11", 3, 3, delivered));
  EXPECT_EQ(error.reason, Reason::hairpinned);
  EXPECT_EQ(error.out, Realm::internal);
  EXPECT_EQ(error.hairpin_source, address("10.0.0.2"));
  EXPECT_EQ(error.packet, icmp_error("203.0.113.11", "10.0.0.1", 3, 3, asked).build());
}

// Whatever leaves in an error, no internal address is in it.
// Rows: NO5
TEST(EngineIcmp, NoInternalAddressLeaks) {
  TestGateway gateway;
  gateway.from_inside(tcp(kIn1, kOut1, kSyn));
  const Octets inside = gateway.from_outside(tcp(kOut1, kExternal, kSyn | kAck)).packet;
  const Octets error = gateway.from_inside(icmp_error("10.0.0.9", "192.0.2.31", 11, 0, inside)).packet;
  for (std::size_t i = 0; i + 4 <= error.size(); ++i) {
    EXPECT_NE(load32(error.data() + i) >> 24, 10U) << "at octet " << i;
  }
}

}  // namespace
}  // namespace nat::test
