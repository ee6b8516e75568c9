#include <gtest/gtest.h>

#include "natd/natctl/format.h"
#include "natd/natctl/table.h"

namespace nat {
namespace {

TEST(NatctlTable, AlignsColumnsByTheirWidestCell) {
  Table table({{"ID"}, {"SIZE", Align::right}, {"NAME"}});
  table.add({"1", "20", "a"});
  table.add({"1029", "3", ""});
  EXPECT_EQ(table.render(true, false),
            "ID    SIZE  NAME\n"
            "1       20  a\n"
            "1029     3\n");
}

TEST(NatctlTable, WithoutAHeaderIsOnlyAsWideAsItsRows) {
  Table table({{"INTERNAL"}, {"N", Align::right}});
  table.add({"a", "1"});
  table.add({"b", "22"});
  EXPECT_EQ(table.render(false, false), "a   1\nb  22\n");
}

TEST(NatctlTable, ColoursDoNotMoveColumns) {
  Table table({{"A"}, {"B"}});
  table.add({Cell("x", Tone::bad), "y"});
  table.add({"long", "y"});
  EXPECT_EQ(table.render(false, true), "\x1b[31mx\x1b[0m     y\nlong  y\n");
}

TEST(NatctlTable, NotesStandBehindTheRowsWhenAllOfThemFit) {
  Table table({{"A"}, {"B"}});
  table.add({"1", "x"}, "a note");
  table.add({"2", "xyz"});
  table.add({"3", "x"}, std::string(kTableWidth - 8, 'n'));
  const std::string longest = std::string(kTableWidth - 8, 'n');
  EXPECT_EQ(table.render(true, false), "A  B\n1  x    a note\n2  xyz\n3  x    " + longest + "\n");
}

TEST(NatctlTable, NotesStandBelowTheRowsWhenOneDoesNotFit) {
  Table table({{"A"}, {"B"}});
  table.add({"1", "x"}, "a note");
  table.add({"2", "xyz"});
  table.add({"3", "x"}, std::string(kTableWidth - 7, 'n'));
  EXPECT_EQ(table.render(false, false),
            "1  x\n   a note\n2  xyz\n3  x\n   " + std::string(kTableWidth - 7, 'n') + "\n");
}

TEST(NatctlTable, LinesOfTheirOwnMoveNoColumn) {
  Table table({{""}, {"B"}});
  table.add_line("a long line above");
  table.add({"", "x"});
  EXPECT_EQ(table.render(true, false), "  B\na long line above\n  x\n");
}

TEST(NatctlTable, TheLastColumnIsBrokenAtBlanks) {
  const std::string half(kTableWidth / 2, 'w');
  Table table({{"A"}, {"B"}});
  table.add({"1", half + " to " + half + " " + half});
  EXPECT_EQ(table.render(false, false), "1  " + half + " to\n   " + half + "\n   " + half + "\n");
}

TEST(NatctlTable, AWordIsNeverBroken) {
  const std::string word(kTableWidth, 'w');
  Table table({{"A"}, {"B"}});
  table.add({"1", "a " + word + " b"});
  EXPECT_EQ(table.render(false, false), "1  a\n   " + word + "\n   b\n");
}

TEST(NatctlFormat, Age) {
  EXPECT_EQ(format_age(42), "42s");
  EXPECT_EQ(format_age(5 * 60 + 2), "5m02s");
  EXPECT_EQ(format_age(2 * 3600 + 14 * 60 + 59), "2h14m");
  EXPECT_EQ(format_age(3 * 86400 + 2 * 3600), "3d02h");
}

TEST(NatctlFormat, Bytes) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(1023), "1023 B");
  EXPECT_EQ(format_bytes(1024), "1.0 KiB");
  EXPECT_EQ(format_bytes(1258291), "1.2 MiB");
  EXPECT_EQ(format_bytes(1048575), "1.0 MiB") << "never 1024.0 KiB";
  EXPECT_EQ(format_bytes(UINT64_MAX), "16384.0 PiB");
}

TEST(NatctlFormat, CountsAndShares) {
  EXPECT_EQ(counted(1, "mapping"), "1 mapping");
  EXPECT_EQ(counted(0, "mapping"), "0 mappings");
  EXPECT_EQ(format_share(1, 3), "33.3%");
  EXPECT_EQ(format_share(1, 0), "-");
}

}  // namespace
}  // namespace nat
