// The manual pages and completions name every option and every command that the programs have.
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

#include "config/command_line.h"
#include "natd/natctl/command.h"

namespace nat {
namespace {

std::string packaged(const std::string& name) {
  std::ifstream file(NATD_SOURCE_DIR "/packaging/" + name);
  EXPECT_TRUE(file) << name;
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// Without the backslashes that keep hyphens hyphens.
std::string page(const std::string& name) {
  std::string text = packaged("man/" + name);
  std::erase(text, '\\');
  return text;
}

std::set<std::string> options_of_natd() {
  const std::string help = command_line_help();
  const std::regex option("\n  --([a-z-]+)");
  std::set<std::string> names;
  for (std::sregex_iterator it(help.begin(), help.end(), option), end; it != end; ++it)
    names.insert((*it)[1]);
  return names;
}

TEST(ConfigPages, NatdsPageHasEveryOption) {
  const std::string text = page("natd.8.in");
  EXPECT_GE(options_of_natd().size(), 13U);
  for (const std::string& name : options_of_natd()) {
    EXPECT_NE(text.find(".It Fl -" + name), std::string::npos) << name;
  }
}

TEST(ConfigPages, NatdsCompletionHasEveryOption) {
  const std::string text = packaged("completions/natd.in");
  for (const std::string& name : options_of_natd())
    EXPECT_NE(text.find("--" + name), std::string::npos) << name;
}

TEST(ConfigPages, NatctlsPageHasEveryCommand) {
  const std::string text = page("natctl.8.in");
  for (const Command& command : commands()) {
    EXPECT_NE(text.find(std::string(".It Cm ") + command.name + "\n"), std::string::npos) << command.name;
  }
}

TEST(ConfigPages, NatctlsCompletionHasEveryWordOfEveryCommand) {
  const std::string text = packaged("completions/natctl.in");
  for (const Command& command : commands()) {
    std::istringstream words(command.name);
    for (std::string word; words >> word;) {
      EXPECT_TRUE(std::regex_search(text, std::regex("[ ']" + word + "[ ']"))) << word;
    }
  }
}

}  // namespace
}  // namespace nat
