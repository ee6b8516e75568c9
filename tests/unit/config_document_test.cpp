#include <cstdio>
#include <fstream>

#include <gtest/gtest.h>

#include "config/document.h"

namespace nat {
namespace {

Entry only_entry(std::string_view text) {
  const Document document = parse_document(text, "natd.conf");
  EXPECT_TRUE(document.problems.empty()) << to_string(document.problems);
  EXPECT_EQ(document.entries.size(), 1U);
  return document.entries.empty() ? Entry{} : document.entries.front();
}

std::string only_problem(std::string_view text) {
  const Document document = parse_document(text, "natd.conf");
  EXPECT_EQ(document.problems.size(), 1U);
  return document.problems.empty() ? "" : document.problems.front().to_string();
}

TEST(ConfigDocument, AKeyBelongsToItsSection) {
  const Entry entry = only_entry("[udp]\ntimeout = 5min\n");
  EXPECT_EQ(entry.key, "udp.timeout");
  EXPECT_EQ(entry.value, "5min");
}

TEST(ConfigDocument, AKeyWithADotIsWholeAnywhere) {
  EXPECT_EQ(only_entry("udp.timeout = 5min").key, "udp.timeout");
  EXPECT_EQ(only_entry("[tcp]\nudp.timeout = 5min").key, "udp.timeout");
}

TEST(ConfigDocument, AKeyMayStandAboveTheFirstSection) { EXPECT_EQ(only_entry("lab = yes").key, "lab"); }

TEST(ConfigDocument, EveryKeyAndValueKnowsItsPlace) {
  const Entry entry = only_entry("# natd\n\n[udp]\n  timeout =  5min  # long\n");
  EXPECT_EQ(entry.value, "5min");
  EXPECT_EQ(entry.key_at.source, "natd.conf");
  EXPECT_EQ(entry.key_at.line, 4U);
  EXPECT_EQ(entry.key_at.column, 3U);
  EXPECT_EQ(entry.value_at.line, 4U);
  EXPECT_EQ(entry.value_at.column, 14U);
}

TEST(ConfigDocument, LineEndsOfOtherSystemsAndByteOrderMarksDoNoHarm) {
  const Entry entry = only_entry("\xef\xbb\xbf[udp]\r\ntimeout = 5min\r\n");
  EXPECT_EQ(entry.key, "udp.timeout");
  EXPECT_EQ(entry.value, "5min");
}

TEST(ConfigDocument, AValueMayBeEmptyOrHoldAnEqualsSign) {
  EXPECT_EQ(only_entry("[control]\ngroup =").value, "");
  EXPECT_EQ(only_entry("[forward]\nrule = tcp 80 -> 10.0.0.1 name=web").value, "tcp 80 -> 10.0.0.1 name=web");
}

TEST(ConfigDocument, NothingIsNothing) {
  for (const char* text : {"", "\n\n", "# only a comment", "   \t  "}) {
    const Document document = parse_document(text, "natd.conf");
    EXPECT_TRUE(document.entries.empty() && document.problems.empty()) << text;
  }
}

TEST(ConfigDocument, SaysWhichLineCannotBeRead) {
  EXPECT_EQ(only_problem("[udp]\n  timeout 5min\n"),
            "natd.conf:2:3: error: 'timeout 5min' is neither a section nor a key; write 'key = value' or "
            "'[section]'");
  EXPECT_EQ(only_problem("\n[udp\n"), "natd.conf:2:1: error: the section is not closed; end it with ']'");
  EXPECT_EQ(only_problem("[udp]\n= 5\n"),
            "natd.conf:2:1: error: there is no key before '='; write 'key = value'");
}

TEST(ConfigDocument, AnUnknownSectionIsOneProblemWithItsKeys) {
  EXPECT_EQ(only_problem("[limit]\nmappings = 5\nsessions = 5\n"),
            "natd.conf:1:1: error: unknown section [limit]; did you mean [limits]?");
}

TEST(ConfigDocument, StrangeCharactersAreNotRepeated) {
  EXPECT_EQ(only_problem("\x1b[31mred\n").find('\x1b'), std::string::npos);
}

TEST(ConfigDocument, AssignmentsAreADocumentToo) {
  const Document document =
      parse_assignments({"udp.timeout=5min", " tcp.mapping = x=y ", "nonsense", "=5"}, "set");
  ASSERT_EQ(document.entries.size(), 2U);
  EXPECT_EQ(document.entries[0].key, "udp.timeout");
  EXPECT_EQ(document.entries[1].key, "tcp.mapping");
  EXPECT_EQ(document.entries[1].value, "x=y");
  EXPECT_EQ(document.problems.size(), 2U);
}

TEST(ConfigDocument, AFileThatCannotBeReadIsAProblem) {
  EXPECT_EQ(to_string(read_document("/does/not/exist").problems),
            "/does/not/exist: error: cannot read the file: No such file or directory\n");
  EXPECT_EQ(read_document("/").problems.size(), 1U);
}

TEST(ConfigDocument, AFileTooLargeIsRefused) {
  const std::string path = testing::TempDir() + "natd-config-too-large.conf";
  std::ofstream(path) << std::string(kLargestFile + 1, '\n');
  EXPECT_EQ(read_document(path).problems.size(), 1U);
  std::ofstream(path) << std::string(kLargestFile, '\n');
  EXPECT_TRUE(read_document(path).problems.empty());
  std::remove(path.c_str());
}

}  // namespace
}  // namespace nat
