#include <gtest/gtest.h>

#include "config/value.h"

namespace nat {
namespace {

using namespace std::chrono_literals;

TEST(ConfigValue, ANumberAloneIsSeconds) { EXPECT_EQ(parse_duration("300"), Duration(300s)); }

TEST(ConfigValue, UnitsAddUp) {
  EXPECT_EQ(parse_duration("300s"), Duration(300s));
  EXPECT_EQ(parse_duration("5min"), Duration(5min));
  EXPECT_EQ(parse_duration("2h4min"), Duration(7440s));
  EXPECT_EQ(parse_duration("2h 4min"), Duration(7440s));
  EXPECT_EQ(parse_duration("100ms"), Duration(100ms));
  EXPECT_EQ(parse_duration("1d"), Duration(24h));
  EXPECT_EQ(parse_duration("0"), Duration(0));
}

TEST(ConfigValue, WhatIsNoTimeIsRefused) {
  for (const char* text : {"", "-1", "+1", "5 min", "5m", "min", "5min5", "1.5h", "4min2h", "5s5s", "0x10",
                           "1e3", "99999999999999999999", "4000d", "5min,", " "}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
}

TEST(ConfigValue, TimesAreWrittenInTheShortestExactWay) {
  EXPECT_EQ(format_duration(7440s), "2h4min");
  EXPECT_EQ(format_duration(300s), "5min");
  EXPECT_EQ(format_duration(90s), "1min30s");
  EXPECT_EQ(format_duration(1500ms), "1s500ms");
  EXPECT_EQ(format_duration(0s), "0s");
}

TEST(ConfigValue, WrittenTimesReadBack) {
  for (const Duration time : {Duration(1), Duration(59'999), Duration(3'600'000), Duration(93'784'005)}) {
    EXPECT_EQ(parse_duration(format_duration(time)), time);
  }
}

TEST(ConfigValue, SwitchesHaveSixWords) {
  for (const char* text : {"yes", "on", "true"}) EXPECT_EQ(parse_boolean(text), true) << text;
  for (const char* text : {"no", "off", "false"}) EXPECT_EQ(parse_boolean(text), false) << text;
  for (const char* text : {"", "1", "0", "YES", "y", "yes "}) EXPECT_FALSE(parse_boolean(text)) << text;
}

TEST(ConfigValue, NumbersHaveNoSignAndNoFrills) {
  EXPECT_EQ(parse_number("65535", 65535), 65535U);
  for (const char* text : {"", "-1", "+1", " 1", "1 ", "0x1", "65536", "1e3", "18446744073709551616"}) {
    EXPECT_FALSE(parse_number(text, 65535)) << text;
  }
}

TEST(ConfigValue, ARangeRunsForward) {
  EXPECT_EQ(parse_port_range("1024-32767"), (PortRange{1024, 32767}));
  EXPECT_EQ(parse_port_range("1024 - 32767"), (PortRange{1024, 32767}));
  EXPECT_EQ(parse_port_range("5060"), (PortRange{5060, 5060}));
  for (const char* text : {"", "-", "1-", "-1", "2-1", "0-5", "0", "1-65536", "1-2-3", "a-b"}) {
    EXPECT_FALSE(parse_port_range(text)) << text;
  }
}

TEST(ConfigValue, AnAddressOrARangeOfThem) {
  EXPECT_EQ(parse_addresses("203.0.113.6"), (std::vector<Address>{Address(203, 0, 113, 6)}));
  EXPECT_EQ(parse_addresses("203.0.113.6-203.0.113.7"),
            (std::vector<Address>{Address(203, 0, 113, 6), Address(203, 0, 113, 7)}));
  for (const char* text :
       {"", "203.0.113", "203.0.113.7-203.0.113.6", "0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255",
        "10.0.0.0-10.255.255.255", "223.255.255.255-224.0.0.1", "host"}) {
    EXPECT_FALSE(parse_addresses(text)) << text;
  }
}

TEST(ConfigValue, AnInterfaceNameFitsTheKernel) {
  EXPECT_TRUE(is_interface_name("eth0.100"));
  EXPECT_TRUE(is_interface_name("fifteen-letters"));
  for (const char* text : {"", "sixteen-letters-", ".", "..", "a/b", "a b", "a:0", "a\n"}) {
    EXPECT_FALSE(is_interface_name(text)) << text;
  }
}

}  // namespace
}  // namespace nat
