#include "translation/net/rewrite.h"

#include <gtest/gtest.h>

#include "tests/support/checksums.h"
#include "tests/support/fragments.h"
#include "tests/support/packet_builder.h"
#include "translation/base/random.h"
#include "translation/net/wire.h"

namespace nat::test {
namespace {

const Endpoint kInternal = endpoint("10.0.0.1:4321");
const Endpoint kExternal = endpoint("203.0.113.11:50000");
const Endpoint kRemote = endpoint("192.0.2.31:53");

Octets with_source(Octets packet, Endpoint source, ChecksumState state = ChecksumState::complete) {
  PacketView view;
  EXPECT_EQ(PacketView::parse(packet, view), std::nullopt);
  rewrite_source(view, source, state);
  return packet;
}

Octets with_destination(Octets packet, Endpoint destination) {
  PacketView view;
  EXPECT_EQ(PacketView::parse(packet, view), std::nullopt);
  rewrite_destination(view, destination, ChecksumState::complete);
  return packet;
}

// The rewritten packet is the one that would have been made with the other endpoint.
// Rows: CK2 NO1 NO7
TEST(Rewrite, OnlyAddressesPortsAndChecksums) {
  const Octets data{10, 0, 0, 1, 0x10, 0xe1, 203, 0, 113, 11};  // looks like our endpoints
  EXPECT_EQ(with_source(udp(kInternal, kRemote).payload(data), kExternal),
            udp(kExternal, kRemote).payload(data).build());
  EXPECT_EQ(with_destination(udp(kRemote, kExternal).payload(data), kInternal),
            udp(kRemote, kInternal).payload(data).build());
  const Octets options{2, 4, 5, 0xb4, 1, 3, 3, 7};
  EXPECT_EQ(with_source(tcp(kInternal, kRemote, kSyn).tcp_options(options).type_of_service(0xb9), kExternal),
            tcp(kExternal, kRemote, kSyn).tcp_options(options).type_of_service(0xb9).build());
  EXPECT_EQ(with_source(tcp(kInternal, kRemote, kAck).ip_options({1, 1, 1, 0}).payload(data), kExternal),
            tcp(kExternal, kRemote, kAck).ip_options({1, 1, 1, 0}).payload(data).build());
}

// Rows: CK2
TEST(Rewrite, AnEchoChangesItsIdentifier) {
  EXPECT_EQ(with_source(echo("10.0.0.1", "192.0.2.31", 4321).payload("abc"), kExternal),
            echo("203.0.113.11", "192.0.2.31", 50000).payload("abc").build());
  EXPECT_EQ(with_destination(echo_reply("192.0.2.31", "203.0.113.11", 50000).payload("abc"), kInternal),
            echo_reply("192.0.2.31", "10.0.0.1", 4321).payload("abc").build());
}

// No checksum stays no checksum.
// Rows: CK3
TEST(Rewrite, AbsentUdpChecksumStaysAbsent) {
  EXPECT_EQ(with_source(udp(kInternal, kRemote).payload("abc").no_checksum(), kExternal),
            udp(kExternal, kRemote).payload("abc").no_checksum().build());
}

// A UDP sum that comes out as zero is sent as all ones; a TCP sum is not.
// Rows: CK3
TEST(Rewrite, ZeroSums) {
  const auto last_word_for_zero = [](Octets packet) {
    // The word that makes the checksum 0: the checksum itself, put into the data.
    const std::size_t field = packet[9] == 17 ? 26 : 36;
    const std::uint16_t sum = load16(packet.data() + field);
    return Octets{static_cast<std::uint8_t>(sum >> 8), static_cast<std::uint8_t>(sum)};
  };
  const Octets udp_data = last_word_for_zero(udp(kExternal, kRemote).payload(Octets(2)));
  const Octets udp_out = with_source(udp(kInternal, kRemote).payload(udp_data), kExternal);
  EXPECT_EQ(load16(udp_out.data() + 26), 0xffff);
  EXPECT_TRUE(checksums_valid(udp_out));

  const Octets tcp_data = last_word_for_zero(tcp(kExternal, kRemote, kAck).payload(Octets(2)));
  const Octets tcp_out = with_source(tcp(kInternal, kRemote, kAck).payload(tcp_data), kExternal);
  EXPECT_EQ(load16(tcp_out.data() + 36), 0x0000);
  EXPECT_TRUE(checksums_valid(tcp_out));
}

// What came broken leaves just as broken.
// Rows: CK4
TEST(Rewrite, RepairsNothing) {
  SeededRandom random(5);
  for (int i = 0; i < 2000; ++i) {
    Octets packet = i % 2 == 0 ? udp(kInternal, kRemote).payload("some data").build()
                               : tcp(kInternal, kRemote, kAck).payload("some data").build();
    packet[packet.size() - 1 - random.below(9)] ^= static_cast<std::uint8_t>(1 + random.below(255));
    const Octets out = with_source(packet, kExternal);
    ASSERT_NE(transport_checksum_error(out), 0);
    ASSERT_EQ(transport_checksum_error(out), transport_checksum_error(packet));
  }
  Octets packet = udp(kInternal, kRemote).payload("some data");
  packet[10] ^= 0x40;
  EXPECT_FALSE(ip_checksum_valid(with_source(packet, kExternal)));
}

// A later fragment has an address and nothing else.
// Rows: CK6
TEST(Rewrite, LaterFragmentsKeepEveryOctetOfData) {
  const Octets data(100, 0x5a);
  const auto before = cut(udp(kInternal, kRemote).payload(data), 48);
  Octets after = with_source(before[1], kExternal);
  EXPECT_EQ(source_address_of(after), kExternal.address);
  EXPECT_TRUE(ip_checksum_valid(after));
  EXPECT_TRUE(std::equal(before[1].begin() + 20, before[1].end(), after.begin() + 20));
}

// Rows: CK6
TEST(Rewrite, FragmentsTogetherHaveARightChecksum) {
  auto pieces = cut(tcp(kInternal, kRemote, kAck).payload(Octets(200, 0x33)), 64);
  for (Octets& piece : pieces) piece = with_source(piece, kExternal);
  const auto whole = join(pieces);
  ASSERT_TRUE(whole);
  EXPECT_TRUE(checksums_valid(*whole));
}

// Addresses are in the partial sum, ports are not yet.
// Rows: CK8
TEST(Rewrite, PartialChecksums) {
  const auto partial = [](Octets packet) {
    const std::size_t field = packet[9] == 17 ? 26 : 36;
    const auto length = static_cast<std::uint32_t>(packet.size() - 20);
    store16(packet.data() + field, plain_sum(packet.data() + 12, 8, packet[9] + length));
    return packet;
  };
  EXPECT_EQ(with_source(partial(udp(kInternal, kRemote).payload("abc")), kExternal, ChecksumState::partial),
            partial(udp(kExternal, kRemote).payload("abc")));
  EXPECT_EQ(with_source(partial(tcp(kInternal, kRemote, kSyn)), kExternal, ChecksumState::partial),
            partial(tcp(kExternal, kRemote, kSyn)));
}

TEST(Rewrite, Identification) {
  Octets packet = udp(kInternal, kRemote).identification(0x1234);
  PacketView view;
  ASSERT_EQ(PacketView::parse(packet, view), std::nullopt);
  rewrite_identification(view, 0xfedc);
  EXPECT_EQ(packet, udp(kInternal, kRemote).identification(0xfedc).build());
}

// --- Inside ICMP errors.

Octets with_quote_source(Octets error, Endpoint source) {
  PacketView view;
  EXPECT_EQ(PacketView::parse(error, view), std::nullopt);
  Quote quote;
  EXPECT_EQ(view.quote(quote), std::nullopt);
  rewrite_quote_source(view, quote, source);
  EXPECT_EQ(quote.source, source);
  return error;
}

// The quoted checksum follows where it is quoted, and the ICMP checksum follows everything.
// Rows: CK5
TEST(RewriteQuote, OfEveryLength) {
  const Octets out_udp = udp(kExternal, kRemote).payload("0123456789");
  const Octets in_udp = udp(kInternal, kRemote).payload("0123456789");
  const Octets out_tcp = tcp(kExternal, kRemote, kSyn).payload("0123456789");
  const Octets in_tcp = tcp(kInternal, kRemote, kSyn).payload("0123456789");
  for (const std::size_t transport : {8U, 20U, 28U}) {
    EXPECT_EQ(
        with_quote_source(icmp_error("192.0.2.31", "203.0.113.11", 3, 3, out_udp, 20 + transport), kInternal),
        icmp_error("192.0.2.31", "203.0.113.11", 3, 3, in_udp, 20 + transport).build());
    EXPECT_EQ(
        with_quote_source(icmp_error("192.0.2.31", "203.0.113.11", 3, 3, out_tcp, 20 + transport), kInternal),
        icmp_error("192.0.2.31", "203.0.113.11", 3, 3, in_tcp, 20 + transport).build());
  }
  // Half of the TCP checksum is quoted, seventeen octets: it is left alone.
  Octets wanted(in_tcp.begin(), in_tcp.begin() + 37);
  wanted[36] = out_tcp[36];
  EXPECT_EQ(with_quote_source(icmp_error("192.0.2.31", "203.0.113.11", 3, 3, out_tcp, 37), kInternal),
            icmp_error("192.0.2.31", "203.0.113.11", 3, 3, wanted).build());
}

TEST(RewriteQuote, OfAnEcho) {
  const Octets out = echo("203.0.113.11", "192.0.2.31", 50000).payload("ping");
  const Octets in = echo("10.0.0.1", "192.0.2.31", 4321).payload("ping");
  EXPECT_EQ(with_quote_source(icmp_error("192.0.2.1", "203.0.113.11", 11, 0, out), kInternal),
            icmp_error("192.0.2.1", "203.0.113.11", 11, 0, in).build());
}

// CK3 inside quotes.
// Rows: CK3 CK5
TEST(RewriteQuote, AbsentUdpChecksumStaysAbsent) {
  const Octets out = udp(kExternal, kRemote).no_checksum();
  const Octets in = udp(kInternal, kRemote).no_checksum();
  EXPECT_EQ(with_quote_source(icmp_error("192.0.2.1", "203.0.113.11", 3, 3, out), kInternal),
            icmp_error("192.0.2.1", "203.0.113.11", 3, 3, in).build());
}

// The extension and the length octet stay as they are.
// Rows: I3d
TEST(RewriteQuote, BeforeAnExtension) {
  const auto extended = [](Octets about) {
    about.resize(128);
    about.insert(about.end(), {0x20, 0x00, 0x00, 0x00, 0x00, 0x08, 0x01, 0x01, 0x00, 0x01, 0x02, 0x03});
    return icmp_error("192.0.2.1", "203.0.113.11", 11, 0, about).rest_of_header(32U << 16).build();
  };
  EXPECT_EQ(with_quote_source(extended(udp(kExternal, kRemote).payload("abc")), kInternal),
            extended(udp(kInternal, kRemote).payload("abc")));
}

TEST(RewriteQuote, DestinationLikewise) {
  Octets error = icmp_error("10.0.0.1", "192.0.2.31", 3, 3, udp(kRemote, kInternal).payload("abc"));
  PacketView view;
  ASSERT_EQ(PacketView::parse(error, view), std::nullopt);
  Quote quote;
  ASSERT_EQ(view.quote(quote), std::nullopt);
  rewrite_quote_destination(view, quote, kExternal);
  rewrite_source_address(view, kExternal.address);
  EXPECT_EQ(error,
            icmp_error("203.0.113.11", "192.0.2.31", 3, 3, udp(kRemote, kExternal).payload("abc")).build());
}

}  // namespace
}  // namespace nat::test
