#include <gtest/gtest.h>

#include "config/change.h"
#include "config/host_rule.h"
#include "config/validate.h"

namespace nat {
namespace {

using namespace std::chrono_literals;

Result<Settings> settings_of(const std::string& text) {
  const Document document = parse_document(text, "natd.conf");
  return validate({}, {&document, 1}, Interfaces::optional);
}

std::string problems_of(const std::string& text) {
  const auto settings = settings_of(text);
  return settings ? "" : to_string(settings.problems());
}

TEST(ConfigHostRule, IsReadAndWrittenBack) {
  for (const char* text : {
           "10.0.0.1: udp.timeout=10min",
           "10.0.0.0/24 udp: udp.mapping=address-dependent ports.ranges=40000-49999,50010",
           "10.0.0.0/24 tcp 5000-5999 to 3478: tcp.filtering=endpoint-independent "
           "limits.mappings-per-host=50",
           "0.0.0.0/0 to 53: ports.preserve=no",
           "192.168.1.60 tcp to 25: deny",
           "10.0.0.7 udp 5004-5005: udp.inbound-refresh=yes",
           "10.0.0.0/24: deny",
       }) {
    const auto rule = parse_host_rule(text);
    ASSERT_TRUE(rule) << text;
    EXPECT_EQ(format_host_rule(*rule), text);
  }
}

TEST(ConfigHostRule, SaysWhatIsWrong) {
  const auto message = [](std::string_view text) {
    const auto rule = parse_host_rule(text);
    return rule ? std::string() : rule.problems().front().message;
  };
  EXPECT_EQ(message("10.0.0.1 udp.timeout=10min"), "'10.0.0.1 udp.timeout=10min' is not a rule for hosts");
  EXPECT_EQ(message("10.0.0: udp.timeout=10min"),
            "'10.0.0' is neither an address nor a network such as 10.0.0.0/24");
  EXPECT_EQ(message("10.0.0.1 upd: udp.timeout=10min"),
            "'upd' is neither a protocol nor a range of internal ports");
  EXPECT_EQ(message("10.0.0.1 udp to x: udp.timeout=10min"), "'x' is not a range of remote ports");
  EXPECT_EQ(message("10.0.0.1 udp 1 to 2 3: udp.timeout=10min"), "'3' does not belong before ':'");
  EXPECT_EQ(message("10.0.0.1:"), "nothing is set after ':'");
  EXPECT_EQ(message("10.0.0.1: udp.timeout"), "'udp.timeout' sets nothing");
  EXPECT_EQ(message("10.0.0.1: udp.timeuot=1min"), "'udp.timeuot' is no key of a rule");
  EXPECT_EQ(message("10.0.0.1: control.path=/x"), "'control.path' is the same for all hosts");
  EXPECT_EQ(message("10.0.0.1: udp.timeout=5min udp.timeout=6min"), "udp.timeout is set twice");
  EXPECT_EQ(message("10.0.0.1: udp.timeout=5min deny"), "'deny' stands alone");
  EXPECT_EQ(message("10.0.0.1: deny udp.timeout=5min"), "'deny' stands alone");
  EXPECT_EQ(message("10.0.0.1: udp.timeout=never"), "udp.timeout: 'never' is not a time");
}

TEST(ConfigHostRule, MayDeny) {
  const auto settings =
      settings_of("[hosts]\nrule = 192.168.1.60 tcp to 25: deny\nrule = 10.0.0.1: udp.timeout=10min\n");
  ASSERT_TRUE(settings);
  ASSERT_EQ(settings->policy.host_rules.size(), 2U);
  EXPECT_TRUE(settings->policy.host_rules[0].deny);
  EXPECT_TRUE(settings->policy.host_rules[0].keys.empty());
  EXPECT_FALSE(settings->policy.host_rules[1].deny);
}

// What a rule leaves open is as everywhere else, also when that changes later.
TEST(ConfigHostRule, IsCompletedByTheRest) {
  const auto settings = settings_of(
      "[udp]\ntimeout = 10min\n[hosts]\nrule = 10.0.0.1 udp 5000-5999 to 53: "
      "udp.mapping=address-dependent\n");
  ASSERT_TRUE(settings);
  ASSERT_EQ(settings->policy.host_rules.size(), 1U);
  const HostRule& rule = settings->policy.host_rules.front();
  EXPECT_TRUE(rule.fits(Protocol::udp, {Address(10, 0, 0, 1), 5000}, 53));
  EXPECT_FALSE(rule.fits(Protocol::tcp, {Address(10, 0, 0, 1), 5000}, 53));
  EXPECT_FALSE(rule.fits(Protocol::udp, {Address(10, 0, 0, 2), 5000}, 53));
  EXPECT_FALSE(rule.fits(Protocol::udp, {Address(10, 0, 0, 1), 6000}, 53));
  EXPECT_FALSE(rule.fits(Protocol::udp, {Address(10, 0, 0, 1), 5000}, 54));
  EXPECT_EQ(rule.profile.udp.mapping, Behavior::address_dependent);
  EXPECT_EQ(rule.profile.timeouts.udp, Duration(10min));
  EXPECT_FALSE(rule.own_ports);

  const auto later = apply_assignments(*settings, {"udp.timeout=20min"});
  ASSERT_TRUE(later);
  EXPECT_EQ(later->policy.host_rules.front().profile.timeouts.udp, Duration(20min));
}

TEST(ConfigHostRule, SeveralInOneLine) {
  const auto running = settings_of("");
  const auto changed = apply_assignments(
      *running, {"hosts.rule=10.0.0.1: udp.timeout=10min; 10.0.0.2: ports.ranges=40000-40999,42000"});
  ASSERT_TRUE(changed);
  ASSERT_EQ(changed->policy.host_rules.size(), 2U);
  EXPECT_TRUE(changed->policy.host_rules[1].own_ports);
  const auto changes = diff(*running, *changed);
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].new_value, "10.0.0.1: udp.timeout=10min; 10.0.0.2: ports.ranges=40000-40999,42000");
  const auto none = apply_assignments(*changed, {"hosts.rule="});
  ASSERT_TRUE(none);
  EXPECT_TRUE(none->policy.host_rules.empty());
}

// What the RFCs demand of the general policy they demand of a rule.
TEST(ConfigHostRule, StaysAboveTheFloors) {
  EXPECT_EQ(
      problems_of("[hosts]\nrule = 10.0.0.1: udp.timeout=30s\n"),
      "natd.conf:2:8: error: '10.0.0.1: udp.timeout=30s': udp.timeout = 30s is below the 2min that RFC 4787 "
      "REQ-5 demands; change it, or set 'lab = yes' if this is a laboratory\n");
  EXPECT_EQ(problems_of("lab = yes\n[hosts]\nrule = 10.0.0.1: udp.timeout=30s\n"), "");
  EXPECT_EQ(
      problems_of(
          "[blocks]\nsubscribers = 10.0.0.1-10.0.0.14\n[hosts]\nrule = 10.0.0.1: ports.ranges=2000-3000\n"),
      "natd.conf:4:8: error: '10.0.0.1: ports.ranges=2000-3000' chooses ports where every host has its "
      "block; "
      "remove ports.ranges from the rule, or blocks.subscribers\n");
}

}  // namespace
}  // namespace nat
