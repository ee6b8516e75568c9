#include <algorithm>
#include <sstream>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "natd/datapath/tun/frame.h"
#include "natd/datapath/tun/routing.h"
#include "natd/datapath/tun/worker.h"
#include "natd/system/event_loop.h"
#include "tests/support/checksums.h"
#include "tests/support/packet_builder.h"
#include "translation/net/icmp_error.h"

namespace nat {
namespace {

TunInputs home() {
  TunInputs around;
  around.links.internal = "lan0";
  around.links.external = "wan0";
  around.links.internal_address = Address(10, 0, 0, 254);
  around.links.external_addresses = {Address(203, 0, 113, 11)};
  around.assigned = around.links.external_addresses;
  around.gateway_ports = {60000, 60999};
  return around;
}

bool has(const std::vector<std::string>& lines, const std::string& line) {
  return std::find(lines.begin(), lines.end(), line) != lines.end();
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::size_t count_with(const std::vector<std::string>& lines, const std::string& part) {
  return static_cast<std::size_t>(std::count_if(lines.begin(), lines.end(), [&](const std::string& line) {
    return line.find(part) != std::string::npos;
  }));
}

TEST(TunRouting, OnlyWhatNatdTranslatesIsLedAway) {
  // ARP asks the same rules about our address, as no protocol at all, and must not get the answer that it is
  // elsewhere.
  for (const std::string& rule : tun_routing(home()).rules) {
    if (rule.rfind("pref 2 ", 0) == 0 || rule.rfind("pref 3 ", 0) == 0) {
      EXPECT_NE(rule.find(" ipproto "), std::string::npos) << rule;
    }
  }
}

TEST(TunRouting, TheSideOfAPacketIsItsInterface) {
  const TunRouting routing = tun_routing(home());
  EXPECT_TRUE(has(routing.rules, "pref 2 iif wan0 ipproto udp lookup 5129"));
  EXPECT_TRUE(has(routing.routes, "203.0.113.11 dev natd-ext table 5129"));
  EXPECT_TRUE(has(routing.rules, "pref 2 iif lan0 ipproto udp lookup 5130"));
  EXPECT_TRUE(has(routing.routes, "203.0.113.11 dev natd-int table 5130"));
}

TEST(TunRouting, OutboundIsWhatTheMainTableSendsByTheExternalLink) {
  const TunRouting routing = tun_routing(home());
  EXPECT_TRUE(has(routing.rules, "pref 32764 iif lan0 lookup main suppress_ifgroup 5128"));
  EXPECT_TRUE(has(routing.rules, "pref 32765 iif lan0 lookup 5128"));
  EXPECT_TRUE(has(routing.routes, "default dev natd-int table 5128"));
}

TEST(TunRouting, ADeadNatdLeavesBlackholes) {
  // The routes by a device go with it; what is left must catch the same packets.
  const TunRouting routing = tun_routing(home());
  EXPECT_TRUE(has(routing.routes, "blackhole default table 5128 metric 4294967295"));
  EXPECT_TRUE(has(routing.routes, "blackhole 203.0.113.11 table 5131"));
  for (const char* side : {"wan0", "lan0"}) {
    for (const char* protocol : {"tcp", "udp"}) {
      EXPECT_TRUE(
          has(routing.rules, std::string("pref 3 iif ") + side + " ipproto " + protocol + " lookup 5131"));
    }
  }
}

TEST(TunRouting, TheGatewaysOwnPortsAreRangesWithoutGaps) {
  TunInputs around = home();
  around.local.tcp.set(22);
  around.local.tcp.set(59999);  // touches the gateway's range
  around.local.udp.set(53);
  around.local.udp.set(54);
  around.local.udp.set(65535);
  const TunRouting routing = tun_routing(around);
  EXPECT_TRUE(has(routing.rules, "pref 1 ipproto tcp dport 22 lookup local"));
  EXPECT_TRUE(has(routing.rules, "pref 1 ipproto tcp dport 59999-60999 lookup local"));
  EXPECT_TRUE(has(routing.rules, "pref 1 ipproto udp dport 53-54 lookup local"));
  EXPECT_TRUE(has(routing.rules, "pref 1 ipproto udp dport 65535 lookup local"));
  EXPECT_EQ(count_with(routing.rules, "pref 1 "), 5U);
}

TEST(TunRouting, ABusyGatewayDoesNotMakeRoutingSlow) {
  TunInputs around = home();
  for (std::size_t port = 1; port < 40000; port += 2) around.local.tcp.set(port);
  EXPECT_LE(count_with(tun_routing(around).rules, "pref 1 ipproto tcp"), 64U);
}

TEST(TunRouting, AnAddressThatNoInterfaceHasIsAdopted) {
  TunInputs around = home();
  around.links.external_addresses.push_back(Address(203, 0, 113, 12));
  const TunRouting routing = tun_routing(around);
  EXPECT_TRUE(has(routing.routes, "local 203.0.113.12 dev lo table local"));
  EXPECT_TRUE(has(routing.routes, "203.0.113.12 dev natd-ext table 5129"));
  EXPECT_EQ(count_with(routing.routes, "local 203.0.113.11 "), 0U);
}

TEST(TunRouting, WithoutAnExternalAddressHostsAreStillCaught) {
  TunInputs around = home();
  around.links.external_addresses.clear();
  around.assigned.clear();
  const TunRouting routing = tun_routing(around);
  EXPECT_EQ(routing.routes, (std::vector<std::string>{"default dev natd-int table 5128",
                                                      "blackhole default table 5128 metric 4294967295"}));
  EXPECT_TRUE(has(routing.rules, "pref 32765 iif lan0 lookup 5128"));
}

TEST(TunRouting, AChangeAddsBeforeItRemoves) {
  TunInputs around = home();
  const TunRouting before = tun_routing(around);
  around.links.external_addresses = around.assigned = {Address(203, 0, 113, 50)};
  around.local.tcp.set(22);
  const std::vector<std::string> batch = lines_of(tun_batch(before, tun_routing(around)));
  const auto first_removal = std::find_if(batch.begin(), batch.end(), [](const std::string& line) {
    return line.find(" del ") != std::string::npos;
  });
  ASSERT_NE(first_removal, batch.end());
  EXPECT_EQ(std::count_if(first_removal, batch.end(),
                          [](const std::string& line) { return line.find(" del ") == std::string::npos; }),
            0);
  EXPECT_TRUE(has(batch, "rule add pref 1 ipproto tcp dport 22 lookup local proto 78"));
  EXPECT_TRUE(has(batch, "route replace 203.0.113.50 dev natd-ext table 5129 proto 78"));
  EXPECT_TRUE(has(batch, "route del 203.0.113.11 dev natd-ext table 5129 proto 78"));
}

TEST(TunRouting, NothingToChangeIsNothingToRun) {
  EXPECT_EQ(tun_batch(tun_routing(home()), tun_routing(home())), "");
}

TEST(TunRouting, TheSafetyNetLetsNothingCrossButByNatd) {
  const std::string net = tun_safety_net(home().links, {}, {60000, 60999});
  EXPECT_NE(net.find("iifname { \"lan0\", \"natd-int\" } oifname \"wan0\" drop"), std::string::npos);
  EXPECT_NE(net.find("iifname { \"wan0\", \"natd-ext\" } oifname \"lan0\" drop"), std::string::npos);
}

TEST(TunRouting, TheSafetyNetLetsExemptRemotesIn) {
  const std::string net =
      tun_safety_net(home().links, {{*Prefix::parse("192.0.2.32"), {0, 65535}}}, {60000, 60999});
  EXPECT_LT(net.find("iifname \"wan0\" oifname \"lan0\" jump from_exempt"),
            net.find("iifname { \"wan0\", \"natd-ext\" } oifname \"lan0\" drop"));
  EXPECT_NE(net.find("add rule ip natd_tun from_exempt ip saddr 192.0.2.32/32 accept"), std::string::npos);
}

// Whoever scans the gateway's own ports hears no more than from those of mappings; a socket's own RST does
// leave.
TEST(TunRouting, WhereNoSocketIsNobodyAnswers) {
  const std::string net = tun_safety_net(home().links, {}, {60000, 60999});
  EXPECT_NE(net.find("oifname \"wan0\" tcp sport 60000-60999 tcp flags & rst == rst goto resets"),
            std::string::npos);
  EXPECT_NE(net.find("oifname { \"wan0\", \"natd-ext\" } icmp type destination-unreachable icmp code "
                     "port-unreachable drop"),
            std::string::npos);
  EXPECT_NE(net.find("meta skuid 0-4294967294 return\n    drop"), std::string::npos);
}

// Rows: TT6
TEST(TunFrame, OneOfTwoHopsIsGivenBack) {
  // 10.0.0.1 > 192.0.2.31, TTL 63, with the right checksum.
  std::array<std::uint8_t, 20> packet{0x45, 0, 0,  20, 0, 1, 0x40, 0, 63, 17,
                                      0,    0, 10, 0,  0, 1, 192,  0, 2,  31};
  store16(&packet[ip::kChecksum], internet_checksum(packet));
  give_back_hop(packet);
  EXPECT_EQ(packet[ip::kTtl], 64);
  EXPECT_EQ(internet_checksum(packet), 0);
}

// Rows: TT9
TEST(TunFrame, WhatNatdMakesGetsAHopForTheKernel) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  const Descriptor in(ends[1]), out(ends[0]);
  test::Octets refused = test::udp("10.0.0.1:5000", "192.0.2.31:53").payload(test::Octets(40, 7));
  PacketView view;
  ASSERT_FALSE(PacketView::parse(refused, view));
  test::Octets error;
  make_icmp_error(error, view, Address(10, 0, 0, 254), icmp::kUnreachable, icmp::kHostUnreachable);
  TunCounters counters;
  write_own(in.get(), error, counters);
  test::Octets frame(600);
  frame.resize(static_cast<std::size_t>(read(out.get(), frame.data(), frame.size())));
  test::Octets packet(frame.begin() + kFrameHeader, frame.end());
  EXPECT_EQ(counters.written, 1U);
  EXPECT_EQ(packet[ip::kTtl], 65);
  EXPECT_TRUE(test::checksums_valid(packet));
  store16(&packet[ip::kTtl], load16(&error[ip::kTtl]));
  store16(&packet[ip::kChecksum], load16(&error[ip::kChecksum]));
  EXPECT_EQ(packet, error) << "and nothing else";
}

TEST(TunFrame, TheLargestTimeToLiveStays) {
  std::array<std::uint8_t, 20> packet{0x45, 0, 0,  20, 0, 1, 0x40, 0, 255, 17,
                                      0,    0, 10, 0,  0, 1, 192,  0, 2,   31};
  const auto before = packet;
  give_back_hop(packet);
  EXPECT_EQ(packet, before);
}

// Rows: CK8
TEST(TunFrame, AHeaderSaysWhetherTheChecksumIsFinished) {
  std::array<std::uint8_t, kFrameHeader + 20> octets{};
  EXPECT_EQ(Frame{octets}.checksum(), ChecksumState::complete);
  octets[0] = 1;
  EXPECT_EQ(Frame{octets}.checksum(), ChecksumState::partial);
  octets[0] = 2;  // verified by the kernel: finished
  EXPECT_EQ(Frame{octets}.checksum(), ChecksumState::complete);
}

}  // namespace
}  // namespace nat
