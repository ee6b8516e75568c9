#include <gtest/gtest.h>

#include "config/port_forward.h"

namespace nat {
namespace {

TEST(ConfigPortForward, ReadsARule) {
  const auto forward = parse_port_forward("tcp 8443 -> 10.0.0.1:443 name=web");
  ASSERT_TRUE(forward);
  EXPECT_EQ(forward->protocol, Protocol::tcp);
  EXPECT_EQ(forward->external, (Endpoint{{}, 8443}));
  EXPECT_EQ(forward->internal, (Endpoint{Address(10, 0, 0, 1), 443}));
  EXPECT_EQ(forward->name, "web");
}

TEST(ConfigPortForward, MayNameTheExternalAddress) {
  const auto forward = parse_port_forward("udp 203.0.113.5:27015 -> 10.0.0.1:27015");
  ASSERT_TRUE(forward);
  EXPECT_EQ(forward->external, (Endpoint{Address(203, 0, 113, 5), 27015}));
  EXPECT_TRUE(forward->name.empty());
}

TEST(ConfigPortForward, KeepsThePortWhenTheHostHasNone) {
  const auto forward = parse_port_forward("udp 27015->10.0.0.1");
  ASSERT_TRUE(forward);
  EXPECT_EQ(forward->internal, (Endpoint{Address(10, 0, 0, 1), 27015}));
}

TEST(ConfigPortForward, IsWrittenAsItIsRead) {
  for (const char* text : {"tcp 8443 -> 10.0.0.1:443 name=web", "udp 203.0.113.5:53 -> 10.0.0.1:53"}) {
    const auto forward = parse_port_forward(text);
    ASSERT_TRUE(forward) << text;
    EXPECT_EQ(format_port_forward(*forward), text);
  }
}

TEST(ConfigPortForward, RefusesWhatIsNoRule) {
  for (const char* text : {"",
                           "->",
                           "tcp",
                           "tcp 80",
                           "tcp 80 10.0.0.1:80",
                           "icmp 80 -> 10.0.0.1:80",
                           "sctp 80 -> 10.0.0.1:80",
                           "tcp 0 -> 10.0.0.1:80",
                           "tcp 65536 -> 10.0.0.1:80",
                           "tcp 80 -> 10.0.0.1:0",
                           "tcp 80 -> 0.0.0.0:80",
                           "tcp 80 -> 127.0.0.1:80",
                           "tcp 80 -> 224.0.0.1:80",
                           "tcp 80 -> host:80",
                           "tcp 0.0.0.0:80 -> 10.0.0.1:80",
                           "tcp 80 81 -> 10.0.0.1:80",
                           "tcp 80 -> 10.0.0.1:80 name=",
                           "tcp 80 -> 10.0.0.1:80 name=7",
                           "tcp 80 -> 10.0.0.1:80 name=a/b",
                           "tcp 80 -> 10.0.0.1:80 web",
                           "tcp 80 -> 10.0.0.1:80 name=a b",
                           "tcp 80 -> 10.0.0.1:80 name=abcdefghijklmnopqrstuvwxyzabcdefg"}) {
    const auto forward = parse_port_forward(text);
    ASSERT_FALSE(forward) << text;
    EXPECT_FALSE(forward.problems().front().hint.empty()) << text;
  }
}

TEST(ConfigPortForward, TheWordsOfNatctlGiveTheSame) {
  const auto words = make_port_forward("tcp", "8443", "10.0.0.1:443", "web");
  const auto rule = parse_port_forward("tcp 8443 -> 10.0.0.1:443 name=web");
  ASSERT_TRUE(words && rule);
  EXPECT_EQ(*words, *rule);
}

TEST(ConfigPortForward, TwoOfAProtocolClashAtOneExternalEndpoint) {
  const auto tcp = *parse_port_forward("tcp 80 -> 10.0.0.1");
  EXPECT_TRUE(clash(tcp, *parse_port_forward("tcp 80 -> 10.0.0.2")));
  EXPECT_FALSE(clash(tcp, *parse_port_forward("udp 80 -> 10.0.0.1")));
  EXPECT_FALSE(clash(tcp, *parse_port_forward("tcp 81 -> 10.0.0.1")));
  EXPECT_FALSE(clash(tcp, *parse_port_forward("tcp 203.0.113.6:80 -> 10.0.0.1")));
}

}  // namespace
}  // namespace nat
