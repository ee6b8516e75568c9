// What a journal may hold: kinds of undo whose parameters reach nothing but what natd changes.
#include "natd/system/undo.h"

#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sched.h>

#include "natd/system/command.h"
#include "natd/system/leftovers.h"
#include "natd/system/local_rules.h"
#include "natd/system/own_names.h"
#include "natd/system/sysctl.h"

namespace nat {
namespace {

const std::vector<Undo> kEveryKind{
    RestoreSysctl{"net/ipv4/conf/lan0/forwarding", "0"},
    RestoreSysctl{"net/ipv4/conf/eth0.100/send_redirects", "1"},
    RestoreSysctl{"net/ipv4/conf/all/send_redirects", "1"},
    RestoreSysctl{"net/ipv4/ip_local_port_range", "32768 60999"},
    RestoreSysctl{"net/bridge/bridge-nf-call-iptables", "1"},
    RemoveTable{kTable},
    RemoveTable{kTunTable},
    RemoveTable{kBlockTable},
    RemoveTable{"natd_barrier_4711"},
    RemoveAddress{"wan0", Address(203, 0, 113, 12)},
    RemoveRoutes{},
    RemoveRules{},
    RestoreLocalRule{true},
    RestoreLocalRule{false},
    RestoreLinkGroup{"wan0", 4294967295},
};

TEST(Undo, EveryKindIsReadAsItWasWritten) {
  for (const Undo& undo : kEveryKind) {
    EXPECT_EQ(complaint(undo), std::nullopt) << to_line(undo);
    const auto back = parse_undo(to_line(undo));
    ASSERT_TRUE(back.has_value()) << to_line(undo);
    EXPECT_EQ(*back, undo) << to_line(undo);
    EXPECT_EQ(to_line(undo).find('\n'), std::string::npos);
  }
}

TEST(Undo, NoCommandLineIsAKind) {
  EXPECT_EQ(parse_undo(R"({"undo":["touch","/tmp/x"]})"), std::nullopt) << "what natd 0.1 wrote";
  EXPECT_EQ(parse_undo(R"({"undo":"run","command":["true"]})"), std::nullopt);
  EXPECT_EQ(parse_undo(R"({"undo":"table; touch /tmp/x","name":"natd"})"), std::nullopt);
}

TEST(Undo, DamagedLinesAreNone) {
  for (const char* line : {"",
                           "{",
                           "null",
                           "[]",
                           "7",
                           R"("table")",
                           R"({"undo":"table")",
                           R"({"undo":"table","name":"na)",
                           R"({"undo":"table","name":"natd"} x)",
                           R"({"name":"natd"})",
                           R"({"undo":"table"})",
                           R"({"undo":"table","name":7})",
                           R"({"undo":7,"name":"natd"})",
                           R"({"undo":"routes","table":"main"})",
                           R"({"undo":"table","name":"natd","family":"inet"})",
                           R"({"undo":"local-rule","was-there":1})",
                           R"({"undo":"link-group","interface":"wan0","group":-1})",
                           R"({"undo":"link-group","interface":"wan0","group":4294967296})",
                           R"({"undo":"link-group","interface":"wan0","group":1.5})",
                           R"({"undo":"address","interface":"wan0","address":"203.0.113.12/24"})",
                           R"({"undo":"address","interface":"wan0","address":"203.0.113"})",
                           R"({"undo":"sysctl","key":"net/ipv4/ip_local_port_range"})"}) {
    EXPECT_EQ(parse_undo(line), std::nullopt) << line;
  }
}

TEST(Undo, SysctlsReachNothingButNatdsOwn) {
  for (const char* key :
       {"kernel/core_pattern", "net/ipv4/ip_forward", "/net/ipv4/ip_local_port_range",
        "net/ipv4/ip_local_port_range/", "net/ipv4/../../kernel/core_pattern", "net/ipv4/conf/../ip_forward",
        "net/ipv4/conf/./forwarding", "net/ipv4/conf/../../../kernel/core_pattern",
        "net/ipv4/conf//forwarding", "net/ipv4/conf/forwarding", "net/ipv4/conf/lan0/../forwarding",
        "net/ipv4/conf/lan0/rp_filter", "net/ipv4/conf/lan0/forwarding/x", "net/ipv4/conf/all/forwarding",
        "net/ipv4/conf/default/forwarding", "net/ipv4/conf/a name/forwarding",
        "net/ipv4/conf/longer_than_fifteen/forwarding", "net/ipv6/conf/lan0/forwarding"}) {
    EXPECT_NE(complaint(RestoreSysctl{key, "0"}), std::nullopt) << key;
    EXPECT_EQ(parse_undo(to_line(RestoreSysctl{key, "0"})), std::nullopt) << key;
  }
  for (const char* value : {"", " ", "-1", "|/tmp/x", "1\n2", "0x1", " 1", "1 "}) {
    EXPECT_NE(complaint(RestoreSysctl{"net/ipv4/ip_local_port_range", value}), std::nullopt) << value;
  }
  EXPECT_NE(complaint(RestoreSysctl{"net/ipv4/ip_local_port_range", std::string(1000, '1')}), std::nullopt);
}

TEST(Undo, TablesAndInterfacesAreNames) {
  for (const char* name : {"", "filter", "nat", "natd; flush ruleset", "natd_barrier_", "natd_barrier_1x",
                           "natd_barrier_12345678901", "natd_block2", "natd_tun "}) {
    EXPECT_NE(complaint(RemoveTable{name}), std::nullopt) << name;
  }
  for (const char* name : {"", ".", "..", "a/b", "a b", "a\tb", "a:b", "sixteen-letters-"}) {
    EXPECT_NE(complaint(RestoreLinkGroup{name, 0}), std::nullopt) << name;
    EXPECT_NE(complaint(RemoveAddress{name, Address(1, 2, 3, 4)}), std::nullopt) << name;
  }
}

TEST(Undo, OneThingHasOneTarget) {
  EXPECT_TRUE(same_target(RestoreSysctl{"net/ipv4/conf/lan0/forwarding", "0"},
                          RestoreSysctl{"net/ipv4/conf/lan0/forwarding", "1"}));
  EXPECT_FALSE(same_target(RestoreSysctl{"net/ipv4/conf/lan0/forwarding", "0"},
                           RestoreSysctl{"net/ipv4/conf/wan0/forwarding", "0"}));
  EXPECT_TRUE(same_target(RestoreLinkGroup{"wan0", 1}, RestoreLinkGroup{"wan0", 2}));
  EXPECT_FALSE(same_target(RestoreLinkGroup{"wan0", 1}, RestoreLinkGroup{"wan1", 1}));
  EXPECT_FALSE(same_target(RemoveTable{kTable}, RemoveTable{kTunTable}));
  EXPECT_FALSE(
      same_target(RemoveAddress{"wan0", Address(1, 2, 3, 4)}, RemoveAddress{"wan0", Address(1, 2, 3, 5)}));
  EXPECT_FALSE(same_target(RemoveRules{}, RemoveRoutes{}));
}

class UndoInNamespaceTest : public ::testing::Test {
 protected:
  // Runs `body` in a thread that has a network namespace to itself; skips where that is not allowed.
  template <typename Body>
  void in_own_namespace(Body body) {
    bool allowed = false;
    std::thread([&] {
      allowed = unshare(CLONE_NEWNET) == 0;
      if (allowed) body();
    }).join();
    if (!allowed) GTEST_SKIP() << "making a network namespace needs root";
  }

  static void set_up(const std::string& script) {
    const CommandResult result = run_command({"sh", "-ec", script});
    ASSERT_EQ(result.status, 0) << result.output;
  }
};

TEST_F(UndoInNamespaceTest, WhatIsNotThereIsTakenBackAlready) {
  in_own_namespace([] {
    const auto before = read_local_rules();
    for (const Undo& undo : kEveryKind) {
      if (std::holds_alternative<RestoreSysctl>(undo)) continue;  // some are everywhere
      EXPECT_EQ(carry_out(undo), std::nullopt) << describe(undo);
    }
    EXPECT_EQ(carry_out(RestoreSysctl{"net/ipv4/conf/nosuch0/forwarding", "0"}), std::nullopt);
    EXPECT_TRUE(before.kernels && read_local_rules().kernels);
  });
}

TEST_F(UndoInNamespaceTest, EachKindTakesItsChangeBackAndNoOther) {
  in_own_namespace([] {
    set_up(
        "ip link set lo up group 5; ip address add 203.0.113.12/32 dev lo; ip address add 203.0.113.13/32 "
        "dev lo\n"
        "nft 'table ip natd { }; table ip mine { }'\n"
        "ip route add blackhole 192.0.2.1 table 9 proto 78; ip route add blackhole 192.0.2.2 table 9\n"
        "ip rule add pref 5 lookup 9 protocol 78; ip rule add pref 6 lookup 9\n"
        "ip rule add pref 4 lookup local protocol kernel; ip rule del pref 0\n");
    for (const Undo& undo :
         std::vector<Undo>{RemoveTable{kTable}, RemoveRoutes{}, RemoveRules{}, RestoreLocalRule{true},
                           RemoveAddress{"lo", Address(203, 0, 113, 12)}, RestoreLinkGroup{"lo", 7}}) {
      EXPECT_EQ(carry_out(undo), std::nullopt) << describe(undo);
    }
    EXPECT_EQ(run_command({"nft", "list", "tables"}).output, "table ip mine\n");
    EXPECT_EQ(words_of(run_command({"ip", "route", "show", "table", "9"}).output), "blackhole 192.0.2.2");
    EXPECT_EQ(run_command({"ip", "-4", "-N", "rule"}).output,
              "0:\tfrom all lookup 255\n6:\tfrom all lookup 9\n32766:\tfrom all lookup 254\n"
              "32767:\tfrom all lookup 253\n");
    const std::string shown = run_command({"ip", "-4", "-N", "-o", "address", "show", "dev", "lo"}).output;
    EXPECT_EQ(shown.find("203.0.113.12"), std::string::npos) << shown;
    EXPECT_NE(shown.find("203.0.113.13"), std::string::npos) << shown;
    EXPECT_NE(run_command({"ip", "-N", "link", "show", "dev", "lo"}).output.find("group 7"),
              std::string::npos);
  });
}

TEST_F(UndoInNamespaceTest, TheKernelsRuleComesBackOnlyWhereItWas) {
  in_own_namespace([] {
    set_up(
        "ip rule add pref 4 lookup local protocol kernel; ip rule add pref 100 lookup local; ip rule del "
        "pref 0");
    EXPECT_EQ(carry_out(RestoreLocalRule{false}), std::nullopt);
    const LocalRules rules = read_local_rules();
    EXPECT_FALSE(rules.kernels);
    EXPECT_FALSE(rules.copy);
  });
}

TEST_F(UndoInNamespaceTest, LeftoversAreFoundByName) {
  in_own_namespace([] {
    set_up(
        "nft 'table ip mine { }; table ip6 natd { }; table inet natd { }'; ip link set lo up; ip rule add "
        "pref 5 lookup 9");
    EXPECT_TRUE(find_leftovers().empty()) << "nothing of natd's is there";
    set_up(
        "nft 'table ip natd { }; table ip natd_tun { }; table ip natd_block { }; table ip natd_barrier_77 { "
        "}'\n"
        "ip route add blackhole 192.0.2.1 table 9 proto 78; ip rule add pref 6 lookup 9 protocol 78\n"
        "ip rule add pref 4 lookup local protocol kernel\n");
    const std::vector<Undo> found = find_leftovers();
    const std::vector<Undo> expected{RemoveTable{kTable},
                                     RemoveTable{kTunTable},
                                     RemoveTable{kBlockTable},
                                     RemoveTable{"natd_barrier_77"},
                                     RemoveRoutes{},
                                     RestoreLocalRule{true},
                                     RemoveRules{}};
    ASSERT_EQ(found.size(), expected.size());
    for (const Undo& undo : expected) {
      EXPECT_NE(std::find(found.begin(), found.end(), undo), found.end()) << describe(undo);
      EXPECT_EQ(carry_out(undo), std::nullopt);
    }
    EXPECT_TRUE(find_leftovers().empty());
  });
}

}  // namespace
}  // namespace nat
