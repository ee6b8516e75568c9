// What the rules of other software say about connections, from the text that nft prints.
#include "natd/system/ruleset.h"

#include <thread>

#include <gtest/gtest.h>
#include <sched.h>

#include "natd/system/command.h"

namespace nat {
namespace {

constexpr const char* kOwn =
    "table ip natd {\n\tchain keeps_source {\n\t\ttype nat hook postrouting priority 99;\n\t\tct state new "
    "accept\n"
    "\t}\n}\n";

std::string rule(const std::string& line) {
  return "table inet other {\n\tchain forward {\n\t\ttype filter hook forward priority filter; policy "
         "drop;\n\t\t" +
         line + "\n\t}\n}\n";
}

TEST(Ruleset, ConnectionsAreSeenByRulesThatNameThem) {
  EXPECT_TRUE(tracks_connections(rule("ct state established,related accept")));
  EXPECT_TRUE(tracks_connections(rule("iifname \"lan0\" ct mark 0x1 accept")));
  EXPECT_TRUE(tracks_connections(
      "table ip nat {\n\tchain p {\n\t\ttype nat hook postrouting priority 100;\n\t}\n}\n"));
  EXPECT_TRUE(tracks_connections(rule("xt match \"conntrack\" accept")));
}

TEST(Ruleset, OthersAreNot) {
  EXPECT_FALSE(tracks_connections(""));
  EXPECT_FALSE(tracks_connections(rule("iifname \"ct0\" tcp dport 22 accept")));
  EXPECT_FALSE(tracks_connections(rule("iifname \"lan0\" counter packets 3 bytes 4 accept")));
}

TEST(Ruleset, NatdsOwnTableDoesNotCount) {
  EXPECT_FALSE(tracks_connections(kOwn));
  EXPECT_TRUE(tracks_connections(kOwn + rule("ct state established accept")));
  EXPECT_TRUE(tracks_connections("table ip natdx {\n\tct state new accept\n}\n"));
}

TEST(Ruleset, ChainsThatRefuseForwardedPacketsAreNamed) {
  EXPECT_EQ(forward_filters(rule("ct state established accept")),
            std::vector<std::string>{"forward of table inet other"});
  const std::string accepting =
      "table ip filter {\n\tchain FORWARD {\n\t\ttype filter hook forward priority 0; policy accept;\n";
  EXPECT_TRUE(forward_filters(accepting + "\t\tcounter packets 0 bytes 0\n\t}\n}\n").empty());
  EXPECT_EQ(forward_filters(accepting + "\t\tiifname \"lan0\" drop\n\t\treject\n\t}\n}\n"),
            std::vector<std::string>{"FORWARD of table ip filter"});
  EXPECT_TRUE(
      forward_filters("table inet f {\n\tchain i {\n\t\ttype filter hook input priority 0; policy drop;\n"
                      "\t}\n}\n")
          .empty());
  EXPECT_TRUE(forward_filters(kOwn).empty());
}

TEST(Ruleset, TheGenerationGrowsWithAChange) {
  std::uint32_t before = 0, same = 0, after = 0;
  bool allowed = false;
  std::thread([&] {
    allowed = unshare(CLONE_NEWNET) == 0;
    if (!allowed) return;
    before = ruleset_generation();
    same = ruleset_generation();
    run_command({"nft", "add table ip other"});
    after = ruleset_generation();
  }).join();
  if (!allowed) GTEST_SKIP() << "needs root";
  EXPECT_EQ(before, same);
  EXPECT_NE(before, after);
}

}  // namespace
}  // namespace nat
