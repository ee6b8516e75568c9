// The rules as text: what they say for one set of settings, and that nft takes them where it can be asked.
#include <stdexcept>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <sched.h>

#include "natd/datapath/exempt_rules.h"
#include "natd/datapath/nfqueue/rules.h"
#include "natd/system/command.h"

namespace nat {
namespace {

constexpr PortRange kGatewayPorts{60000, 60999};

RuleSettings settings() {
  RuleSettings settings;
  settings.internal = "lan0";
  settings.external = "wan0";
  settings.gateway_ports = kGatewayPorts;
  settings.first_queue = 5060;
  settings.queues = 2;
  return settings;
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// The lines of one chain, from its name to its closing brace.
std::string chain(const std::string& rules, const std::string& name) {
  const std::size_t begin = rules.find("chain " + name + " {");
  if (begin == std::string::npos) return {};
  return rules.substr(begin, rules.find("\n\t}", begin) - begin);
}

TEST(TableRules, ReplaceTheTableInOneTransaction) {
  EXPECT_EQ(table_rules(settings()).find("add table ip natd\ndelete table ip natd\n"), 0U);
}

TEST(TableRules, QueueWithoutBypassAndDropOtherwise) {
  const std::string rules = chain(table_rules(settings()), kQueueChain);
  EXPECT_TRUE(has(rules, "queue num 5060-5061\n\t\tdrop")) << rules;
  EXPECT_FALSE(has(table_rules(settings()), "bypass"));
}

TEST(TableRules, NameOneQueueWithoutARange) {
  RuleSettings one = settings();
  one.queues = 1;
  EXPECT_TRUE(has(chain(table_rules(one), kQueueChain), "queue num 5060\n"));
}

TEST(TableRules, LeaveThePlaceOfTheXtablesTargetToADrop) {
  RuleSettings without = settings();
  without.queue_statement = false;
  const std::string rules = chain(table_rules(without), kQueueChain);
  EXPECT_FALSE(has(rules, "queue num"));
  EXPECT_TRUE(has(rules, "drop"));
}

TEST(TableRules, LetNothingUntranslatedAcross) {
  const std::string rules = table_rules(settings());
  EXPECT_TRUE(has(chain(rules, "after_routing"), "iifname \"lan0\" oifname \"wan0\" goto to_natd"));
  EXPECT_TRUE(has(chain(rules, "crossing"),
                  "iifname \"wan0\" oifname \"lan0\" meta mark & 0xffff0000 != 0x6e010000 drop"));
}

// A host with an address that is not routed inside: what comes back for it must not leave again.
TEST(TableRules, LetNothingForInsideOut) {
  const std::string rules = chain(table_rules(settings()), "crossing");
  EXPECT_TRUE(has(rules, "oifname \"wan0\" meta mark & 0xffff0000 == 0x6e010000 drop"));
  EXPECT_TRUE(
      has(rules,
          "oifname \"wan0\" meta mark & 0xffff0000 >= 0x6e100000 meta mark & 0xffff0000 <= 0x6eff0000 "
          "drop"));
}

// Before the packets of all others are dropped, and before those of hosts inside are left untracked.
TEST(TableRules, ExemptRemotesPassFirst) {
  const std::string crossing = chain(table_rules(settings()), "crossing");
  const std::size_t jump = crossing.find("iifname \"wan0\" oifname \"lan0\" jump from_exempt");
  ASSERT_NE(jump, std::string::npos);
  EXPECT_LT(jump, crossing.find("!= 0x6e010000 drop"));
  const std::string before = chain(table_rules(settings()), "before_conntrack");
  EXPECT_LT(before.find("iifname \"lan0\" jump to_exempt"), before.find("notrack"));
}

TEST(ExemptRules, NameTheRemoteAndItsPortsInBothDirections) {
  EXPECT_EQ(exempt_rules("natd", {{*Prefix::parse("192.0.2.0/25"), {0, 65535}}}),
            "flush chain ip natd from_exempt\n"
            "add rule ip natd from_exempt ip saddr 192.0.2.0/25 accept\n"
            "flush chain ip natd to_exempt\n"
            "add rule ip natd to_exempt ip daddr 192.0.2.0/25 accept\n");
  const std::string ports = exempt_rules("natd", {{*Prefix::parse("192.0.2.32"), {5060, 5061}}});
  EXPECT_TRUE(has(ports, "from_exempt ip saddr 192.0.2.32/32 udp sport 5060-5061 accept\n"));
  EXPECT_TRUE(has(ports, "to_exempt ip daddr 192.0.2.32/32 tcp dport 5060-5061 accept\n"));
  EXPECT_FALSE(has(ports, "192.0.2.32/32 accept"));
}

TEST(TableRules, FillInEveryWord) { EXPECT_FALSE(has(table_rules(settings()), "$")); }

TEST(TableRules, RefuseNamesThatWouldMeanSomethingElse) {
  for (const char* name : {"", "eth*", "a\"b", "a b", "a\nb", "a\\b"}) {
    RuleSettings odd = settings();
    odd.external = name;
    EXPECT_THROW(table_rules(odd), std::runtime_error) << name;
  }
}

TEST(AddressRules, GiveEachAddressAMarkOfItsOwn) {
  const std::string rules = address_rules({Address(203, 0, 113, 11), Address(203, 0, 113, 12)});
  EXPECT_TRUE(
      has(rules, "flush set ip natd pool\nadd element ip natd pool { 203.0.113.11, 203.0.113.12 }\n"));
  EXPECT_TRUE(has(rules, "{ 0x6e100000 : 203.0.113.11, 0x6e110000 : 203.0.113.12 }")) << rules;
}

TEST(AddressRules, OnlyEmptyTheSetsWhenThereIsNoAddress) {
  EXPECT_EQ(address_rules({}), "flush set ip natd pool\nflush map ip natd hairpin_source\n");
}

TEST(PortRules, JoinNeighboursAndTheGatewaysRange) {
  LocalPorts ports;
  for (const unsigned port : {22U, 80U, 81U, 82U, 59999U, 60500U, 61000U, 65535U}) ports.tcp.set(port);
  const std::string rules = port_rules(ports, kGatewayPorts);
  EXPECT_TRUE(has(rules, "gateway_tcp { 22, 80-82, 59999-61000, 65535 }")) << rules;
  EXPECT_TRUE(has(rules, "gateway_udp { 60000-60999 }")) << rules;
}

TEST(PortRules, WriteTheWholeRangeInShort) {
  LocalPorts ports;
  ports.udp.set();
  EXPECT_TRUE(has(port_rules(ports, kGatewayPorts), "gateway_udp { 0-65535 }"));
}

TEST(TableRules, LeaveTunnelsAndContactsToTheGateway) {
  const std::string rules = chain(table_rules(settings()), "sort_out");
  EXPECT_LT(rules.find("ip protocol != { tcp, udp, icmp } return"), rules.find("frag-off"))
      << "fragments of a tunnel too";
  EXPECT_TRUE(has(rules, "ip saddr . ip protocol . th sport . th dport @contacted return"));
  const std::string others = chain(table_rules(settings()), "of_others");
  EXPECT_LT(others.find("iifname \"lan0\" return"), others.find("update @contacted"))
      << "what natd translates is not theirs";
  EXPECT_LT(others.find("meta mark & 0xffff0000 == 0x6e020000 return"), others.find("update @contacted"))
      << "nor is a reset that natd makes";
}

TEST(TableRules, DropWhatNobodyClaimsBehindOtherTranslators) {
  const std::string rules = chain(table_rules(settings()), "after_other_nat");
  EXPECT_TRUE(has(rules, "priority -99"));
  EXPECT_TRUE(has(rules, "ip daddr @pool counter name unclaimed drop"));
}

TEST(TrackingRules, LeaveNothingTrackedOrLetNoRuleTranslateIt) {
  const std::string off = tracking_rules(settings(), false, {});
  EXPECT_TRUE(has(off, "add rule ip natd not_tracked notrack\n"));
  EXPECT_TRUE(has(off, "delete chain ip natd keeps_source\n"));
  const std::string on =
      tracking_rules(settings(), true, {*Prefix::parse("10.0.0.0/24"), *Prefix::parse("0.0.0.0/0")});
  EXPECT_FALSE(has(on, "notrack"));
  EXPECT_FALSE(has(on, "delete chain"));
  EXPECT_TRUE(
      has(on, "iifname \"lan0\" oifname \"wan0\" ip saddr 10.0.0.0/24 snat ip prefix to 10.0.0.0/24\n"));
  EXPECT_FALSE(has(on, "0.0.0.0/0")) << "nft has no word for it";
}

// nft checks rules against the kernel of a network namespace, and changes nothing.
TEST(AllRules, AreTakenByNft) {
  RuleSettings rules = settings();
  rules.queue_statement = false;
  LocalPorts ports;
  ports.tcp.set(22);
  const std::string text =
      table_rules(rules) + address_rules({Address(203, 0, 113, 11)}) + port_rules(ports, kGatewayPorts) +
      tracking_rules(rules, true, {*Prefix::parse("10.0.0.0/24")}) + tracking_rules(rules, false, {});
  bool allowed = false;
  CommandResult result;
  std::thread([&] {
    allowed = unshare(CLONE_NEWNET) == 0;
    if (allowed) result = run_command({"nft", "--check", "-f", "-"}, text);
  }).join();
  if (!allowed || result.status == 127) GTEST_SKIP() << "needs root, and nft";
  EXPECT_EQ(result.status, 0) << result.output;
}

}  // namespace
}  // namespace nat
