#include <fstream>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

#include "config/option.h"
#include "config/sample.h"
#include "config/suggestion.h"
#include "config/validate.h"

namespace nat {
namespace {

TEST(ConfigOption, KeysAreUniqueAndWellFormed) {
  std::set<std::string_view> seen;
  for (const Option& option : options()) {
    EXPECT_TRUE(seen.insert(option.key).second) << option.key;
    EXPECT_FALSE(option.help.empty()) << option.key;
    EXPECT_EQ(option.help.back(), '.') << option.key;
    EXPECT_LE(option.minimum.value, option.maximum.value) << option.key;
    EXPECT_FALSE(option.has_floor() && option.rule.empty()) << option.key;
    EXPECT_FALSE(option.breaks_rule(Settings{})) << option.key;
    EXPECT_EQ(find_option(option.key), &option);
  }
  EXPECT_EQ(find_option("udp"), nullptr);
  EXPECT_EQ(find_option(""), nullptr);
}

TEST(ConfigOption, SectionsStandTogether) {
  const auto found = sections();
  EXPECT_EQ(std::set<std::string_view>(found.begin(), found.end()).size(), found.size());
}

TEST(ConfigOption, DefaultsKeepToTheirOwnRanges) {
  const Settings defaults;
  for (const Option& option : options()) {
    if (option.kind != Kind::number && option.kind != Kind::duration) continue;
    EXPECT_GE(option.measure(defaults), option.minimum.value) << option.key;
    EXPECT_LE(option.measure(defaults), option.maximum.value) << option.key;
    EXPECT_FALSE(option.below_floor(defaults)) << option.key;
  }
}

TEST(ConfigOption, DefaultsAreThoseOfTheRfcs) {
  EXPECT_EQ(find_option("udp.mapping")->default_value(), "endpoint-independent");
  EXPECT_EQ(find_option("udp.filtering")->default_value(), "address-dependent");
  EXPECT_EQ(find_option("udp.timeout")->default_value(), "5min");
  EXPECT_EQ(find_option("tcp.established")->default_value(), "2h4min");
  EXPECT_EQ(find_option("tcp.opening")->default_value(), "4min");
  EXPECT_EQ(find_option("tcp.closing")->default_value(), "4min");
  EXPECT_EQ(find_option("tcp.reset")->default_value(), "4min");
  EXPECT_EQ(find_option("icmp.timeout")->default_value(), "1min");
  EXPECT_EQ(find_option("ports.rest")->default_value(), "2min");
  EXPECT_EQ(find_option("nat.hairpin")->default_value(), "yes");
  EXPECT_EQ(find_option("lab")->default_value(), "no");
}

TEST(ConfigOption, EveryBreachIsASentence) {
  Settings settings;
  EXPECT_TRUE(breaches(settings).empty());
  settings.lab = true;
  EXPECT_TRUE(breaches(settings).empty());
  settings.policy.timeouts.udp = std::chrono::seconds(1);
  settings.policy.misbehavior.syn_answer = SynAnswer::icmp;
  EXPECT_EQ(breaches(settings),
            (std::vector<std::string>{"udp.timeout = 1s is below the 2min that RFC 4787 REQ-5 demands",
                                      "misbehave.syn-answer = icmp breaks RFC 5382 REQ-4"}));
}

TEST(ConfigOption, TheNearestWordIsNear) {
  const std::string_view words[] = {"mapping", "filtering", "timeout"};
  EXPECT_EQ(nearest("filtring", words), "filtering");
  EXPECT_EQ(nearest("maping", words), "mapping");
  EXPECT_EQ(nearest("tiemout", words), "timeout");
  EXPECT_EQ(nearest("xyz", words), "");
  EXPECT_EQ(nearest("", words), "");
  EXPECT_EQ(nearest(std::string(100'000, 'm'), words), "");
}

std::string sample_in_tree() {
  std::ifstream file(NATD_SOURCE_DIR "/config/natd.conf.example");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(ConfigSample, TheFileInTheTreeIsMadeFromTheTable) {
  EXPECT_EQ(sample_in_tree(), sample_configuration()) << "run: natd_pages sample > config/natd.conf.example";
}

TEST(ConfigSample, IsAnEmptyConfiguration) {
  const Document document = parse_document(sample_configuration(), "natd.conf.example");
  EXPECT_TRUE(document.problems.empty());
  EXPECT_TRUE(document.entries.empty());
}

TEST(ConfigSample, HasEveryKeyWithItsDefaultOnceTheCommentsAreOff) {
  std::string text;
  std::istringstream lines(sample_configuration());
  for (std::string line; std::getline(lines, line);) {
    const bool key = line.size() > 1 && line[0] == '#' && line[1] != ' ';
    text += (key ? line.substr(1) : line) + "\n";
  }
  const Document document = parse_document(text, "natd.conf.example");
  EXPECT_TRUE(document.problems.empty()) << to_string(document.problems);
  ASSERT_EQ(document.entries.size(), options().size());
  for (const Entry& entry : document.entries) {
    const Option* option = find_option(entry.key);
    ASSERT_NE(option, nullptr) << entry.key;
    if (!option->default_value().empty()) {
      EXPECT_EQ(entry.value, option->default_value()) << entry.key;
    }
  }
  const auto settings = validate({}, {&document, 1}, Interfaces::required);
  EXPECT_TRUE(settings) << to_string(settings.problems());
}

}  // namespace
}  // namespace nat
