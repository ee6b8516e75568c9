#include "translation/net/packet.h"

#include <gtest/gtest.h>

#include "tests/support/checksums.h"
#include "tests/support/fragments.h"
#include "tests/support/packet_builder.h"
#include "translation/net/wire.h"

namespace nat::test {
namespace {

std::optional<Reason> parse(Octets packet) {
  PacketView view;
  return PacketView::parse(packet, view);
}

std::optional<Reason> quote_of_error(Octets packet, Quote& quote) {
  PacketView view;
  EXPECT_EQ(PacketView::parse(packet, view), std::nullopt);
  return view.quote(quote);
}

const Octets kUdp = udp("10.0.0.1:4321", "192.0.2.31:53").payload("question").build();

TEST(Packet, TellsItsFields) {
  Octets packet = kUdp;
  PacketView view;
  ASSERT_EQ(PacketView::parse(packet, view), std::nullopt);
  EXPECT_TRUE(view.translatable());
  EXPECT_EQ(view.protocol(), Protocol::udp);
  EXPECT_EQ(view.source(), endpoint("10.0.0.1:4321"));
  EXPECT_EQ(view.destination(), endpoint("192.0.2.31:53"));
  EXPECT_EQ(view.total_length(), packet.size());
  EXPECT_TRUE(view.atomic());
  EXPECT_EQ(describe(view), "udp 10.0.0.1:4321 > 192.0.2.31:53");
}

TEST(Packet, EveryShorterLengthIsRefused) {
  for (const Octets& whole : {kUdp, tcp("10.0.0.1:1", "192.0.2.1:2", kSyn).tcp_options({1, 1, 1, 0}).build(),
                              echo("10.0.0.1", "192.0.2.1", 7).build()}) {
    for (std::size_t length = 0; length < whole.size(); ++length) {
      EXPECT_TRUE(
          parse(Octets(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length))).has_value());
    }
  }
}

TEST(Packet, PaddingBehindTheTotalLengthIsNotThePacket) {
  Octets packet = kUdp;
  packet.resize(packet.size() + 18, 0xee);
  PacketView view;
  ASSERT_EQ(PacketView::parse(packet, view), std::nullopt);
  EXPECT_EQ(view.octets().size(), kUdp.size());
}

TEST(Packet, ContradictingIpHeadersAreRefused) {
  const auto spoiled = [](std::size_t at, std::uint8_t value) {
    Octets packet = kUdp;
    packet[at] = value;
    return parse(packet);
  };
  EXPECT_EQ(spoiled(0, 0x65), Reason::malformed_ip);  // version 6
  EXPECT_EQ(spoiled(0, 0x44), Reason::malformed_ip);  // header of 16 octets
  EXPECT_EQ(spoiled(0, 0x4f), Reason::malformed_ip);  // header longer than the packet
  EXPECT_EQ(spoiled(3, 19), Reason::malformed_ip);    // total length shorter than the header
  EXPECT_EQ(spoiled(2, 0xff), Reason::malformed_ip);  // longer than what came
}

TEST(Packet, UdpLengthMustFit) {
  const auto with_length = [](std::uint16_t length) {
    Octets packet = kUdp;
    store16(packet.data() + 24, length);
    return parse(packet);
  };
  EXPECT_EQ(with_length(7), Reason::malformed_transport);
  EXPECT_EQ(with_length(17), Reason::malformed_transport);
  EXPECT_EQ(with_length(16), std::nullopt);
  EXPECT_EQ(with_length(8), std::nullopt);  // what is behind is not UDP's
}

TEST(Packet, TcpHeaderLengthMustFit) {
  Octets packet = tcp("10.0.0.1:1", "192.0.2.1:2", kSyn).build();
  packet[32] = 0x40;
  EXPECT_EQ(parse(packet), Reason::malformed_transport);
  packet[32] = 0x60;
  EXPECT_EQ(parse(packet), Reason::malformed_transport);
}

TEST(Packet, OptionsAreWalkedNotBelieved) {
  const auto with = [](Octets options) {
    return parse(udp("10.0.0.1:1", "192.0.2.1:2").ip_options(options));
  };
  EXPECT_EQ(with({1, 1, 1, 0}), std::nullopt);
  EXPECT_EQ(with({148, 4, 0, 0}), std::nullopt);          // router alert
  EXPECT_EQ(with({148, 5, 0, 0}), Reason::malformed_ip);  // runs out of the header
  EXPECT_EQ(with({148, 1, 0, 0}), Reason::malformed_ip);  // shorter than itself
  EXPECT_EQ(with({1, 1, 1, 148}), Reason::malformed_ip);  // no length at all
  EXPECT_EQ(with({0, 148, 99, 99}), std::nullopt);        // behind the end
}

// Rows: I10b3
TEST(Packet, SourceRoutesAreSeen) {
  for (const std::uint8_t kind : {std::uint8_t{131}, std::uint8_t{137}}) {
    Octets packet = udp("10.0.0.1:1", "192.0.2.1:2").ip_options({1, kind, 7, 4, 192, 0, 2, 9}).build();
    PacketView view;
    ASSERT_EQ(PacketView::parse(packet, view), std::nullopt);
    EXPECT_TRUE(view.source_routed());
  }
}

// FR4, RFC 1858: the first fragment must hold the whole transport header.
// Rows: FR4
TEST(Packet, TinyFirstFragments) {
  for (std::size_t size : {8U, 16U}) {
    const auto pieces = cut(tcp("10.0.0.1:1", "192.0.2.1:2", kSyn).payload("0123456789abcdef").build(), size);
    EXPECT_EQ(parse(pieces[0]), Reason::fragment_tiny);
  }
  const auto pieces = cut(tcp("10.0.0.1:1", "192.0.2.1:2", kSyn).payload("0123456789abcdef").build(), 24);
  EXPECT_EQ(parse(pieces[0]), std::nullopt);
  EXPECT_EQ(parse(pieces[1]), std::nullopt);
}

TEST(Packet, FragmentsBeyondTheLargestDatagram) {
  Octets packet = kUdp;
  store16(packet.data() + 6, 0x1fff);  // offset 65528, 16 octets
  EXPECT_EQ(parse(packet), Reason::malformed_ip);
}

TEST(Packet, LaterFragmentsHaveNoTransportHeader) {
  auto pieces = cut(udp("10.0.0.1:1", "192.0.2.1:2").payload(Octets(64)), 24);
  PacketView view;
  ASSERT_EQ(PacketView::parse(pieces[1], view), std::nullopt);
  EXPECT_TRUE(view.later_fragment());
  EXPECT_FALSE(view.translatable());
  EXPECT_EQ(view.fragment_offset(), 24U);
}

TEST(Packet, OtherProtocolsParseButAreNotTranslatable) {
  for (const std::uint8_t protocol : {std::uint8_t{47}, std::uint8_t{50}, std::uint8_t{132}}) {
    Octets packet = other_protocol(address("10.0.0.1"), address("192.0.2.1"), protocol);
    PacketView view;
    ASSERT_EQ(PacketView::parse(packet, view), std::nullopt);
    EXPECT_FALSE(view.translatable());
  }
}

TEST(Packet, AnEchoHasItsIdentifierForAPort) {
  Octets packet = echo("10.0.0.1", "192.0.2.1", 777);
  PacketView view;
  ASSERT_EQ(PacketView::parse(packet, view), std::nullopt);
  EXPECT_TRUE(view.icmp_query());
  EXPECT_EQ(view.source().port, 777);
}

// --- Quotes.

TEST(Quote, HoldsTheEndpointsOfTheQuotedPacket) {
  Octets error = icmp_error("192.0.2.31", "10.0.0.1", 3, 3, kUdp, 28);
  PacketView view;
  ASSERT_EQ(PacketView::parse(error, view), std::nullopt);
  ASSERT_TRUE(view.icmp_error());
  Quote quote;
  ASSERT_EQ(view.quote(quote), std::nullopt);
  EXPECT_EQ(quote.protocol, Protocol::udp);
  EXPECT_EQ(quote.source, endpoint("10.0.0.1:4321"));
  EXPECT_EQ(quote.destination, endpoint("192.0.2.31:53"));
  EXPECT_EQ(quote.transport_length, 8U);
}

// Rows: I3b
TEST(Quote, HonoursItsOwnHeaderLength) {
  const Octets about = udp("10.0.0.1:4321", "192.0.2.31:53").ip_options({1, 1, 1, 1, 1, 1, 1, 0}).build();
  Quote quote;
  ASSERT_EQ(quote_of_error(icmp_error("192.0.2.31", "10.0.0.1", 3, 3, about), quote), std::nullopt);
  EXPECT_EQ(quote.source, endpoint("10.0.0.1:4321"));
}

TEST(Quote, TooShortOrStrangeIsRefused) {
  Quote quote;
  for (std::size_t quoted = 0; quoted < 28; ++quoted) {
    EXPECT_EQ(quote_of_error(icmp_error("192.0.2.31", "10.0.0.1", 3, 3, kUdp, quoted), quote),
              Reason::icmp_quote_malformed)
        << quoted;
  }
  Octets later = cut(udp("10.0.0.1:1", "192.0.2.1:2").payload(Octets(64)), 24)[1];
  EXPECT_EQ(quote_of_error(icmp_error("192.0.2.31", "10.0.0.1", 11, 1, later), quote),
            Reason::icmp_quote_malformed);
  Octets six = kUdp;
  six[0] = 0x65;
  EXPECT_EQ(quote_of_error(icmp_error("192.0.2.31", "10.0.0.1", 3, 3, six), quote),
            Reason::icmp_quote_malformed);
  const Octets about_error = icmp_error("192.0.2.31", "10.0.0.1", 3, 3, kUdp);
  EXPECT_EQ(quote_of_error(icmp_error("192.0.2.31", "10.0.0.1", 3, 3, about_error), quote),
            Reason::icmp_quote_malformed);
}

// It is for others to judge.
// Rows: I3a
TEST(Quote, TellsWhetherItsHeaderChecksumIsRight) {
  Octets about = kUdp;
  Quote quote;
  ASSERT_EQ(quote_of_error(icmp_error("192.0.2.31", "10.0.0.1", 3, 3, about), quote), std::nullopt);
  EXPECT_TRUE(quote.checksum_right);
  about[10] ^= 1;
  ASSERT_EQ(quote_of_error(icmp_error("192.0.2.31", "10.0.0.1", 3, 3, about), quote), std::nullopt);
  EXPECT_FALSE(quote.checksum_right);
  EXPECT_EQ(quote.source, endpoint("10.0.0.1:4321"));
}

TEST(Quote, TellsOfOptionsInWhichAddressesTravel) {
  for (const std::uint8_t kind : Octets{7, 68, 82, 147, 149, 148, 130}) {
    const Octets about = udp("10.0.0.1:1", "192.0.2.1:2").ip_options({kind, 8, 5, 0, 10, 0, 0, 1}).build();
    Quote quote;
    ASSERT_EQ(quote_of_error(icmp_error("192.0.2.31", "10.0.0.1", 3, 3, about), quote), std::nullopt);
    EXPECT_EQ(quote.address_options, kind != 148 && kind != 130) << unsigned{kind};
  }
  const Octets endless = udp("10.0.0.1:1", "192.0.2.1:2").ip_options({7, 9, 4, 0}).build();
  Quote quote;
  EXPECT_EQ(quote_of_error(icmp_error("192.0.2.31", "10.0.0.1", 12, 0, endless), quote),
            Reason::icmp_quote_malformed);
}

// Rows: I3c
TEST(Quote, ItsTransportChecksumIsNotJudged) {
  Octets about = kUdp;
  about[26] ^= 1;
  Quote quote;
  EXPECT_EQ(quote_of_error(icmp_error("192.0.2.31", "10.0.0.1", 3, 3, about), quote), std::nullopt);
}

// I3d: with an RFC 4884 length the padding and the extension behind it are not the quote's.
TEST(Quote, EndsWhereRfc4884Says) {
  Octets about = kUdp;  // 36 octets
  about.resize(128);    // zero padding
  about.insert(about.end(), {0x20, 0x00, 0x00, 0x00, 0x00, 0x08, 0x01, 0x01, 0x00, 0x01, 0x02, 0x03});
  Quote quote;
  ASSERT_EQ(
      quote_of_error(icmp_error("192.0.2.31", "10.0.0.1", 11, 0, about).rest_of_header(32U << 16), quote),
      std::nullopt);
  EXPECT_EQ(quote.transport_length, 16U);
}

TEST(Quote, OfAProtocolNotTranslatedBelongsToNoSession) {
  Quote quote;
  const Octets about = other_protocol(address("10.0.0.1"), address("192.0.2.1"), 47);
  EXPECT_EQ(quote_of_error(icmp_error("192.0.2.31", "10.0.0.1", 3, 2, about), quote),
            Reason::icmp_no_session);
}

}  // namespace
}  // namespace nat::test
