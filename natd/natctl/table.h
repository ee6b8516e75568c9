// Rows and columns as text: cells are texts, columns are as wide as their widest cell, two blanks
// stand between them, and no line ends in blanks. Lines keep to kTableWidth as far as the words in them let
// them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace nat {

// The characters of a line: those of a terminal in its usual size.
inline constexpr std::size_t kTableWidth = 80;

// How a cell looks where colours are on. It never says what the text does not say.
enum class Tone : std::uint8_t { plain, heading, good, bad, faint };
// The text in its tone, or as it is without colours.
std::string painted(const std::string& text, Tone tone, bool colours);

enum class Align : std::uint8_t { left, right };

struct Column {
  std::string title;
  Align align = Align::left;
};

struct Cell {
  std::string text;
  Tone tone = Tone::plain;
  Cell(std::string content, Tone look = Tone::plain) : text(std::move(content)), tone(look) {}
  Cell(const char* content) : text(content) {}
};

// What is the same in most rows is no column of its own: the rows that differ have a note, and rows of one
// thing stand under a line that names it.
class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // As many cells as there are columns. The text of the last one is broken at blanks where it is too long.
  // Notes stand behind their rows when all of them fit there, else each below its row.
  void add(std::vector<Cell> row, Cell note = "");
  // A line of its own above the rows that follow.
  void add_line(std::string text) { rows_.push_back({{}, Cell(std::move(text))}); }
  bool empty() const { return rows_.empty(); }

  std::string render(bool header, bool colours) const;

 private:
  struct Row {
    std::vector<Cell> cells;  // none: `note` is a line of its own
    Cell note;
  };

  std::vector<std::size_t> widths(bool header) const;
  bool notes_fit_behind(std::size_t row_width) const;
  std::string text_of(const std::vector<Cell>& cells, const std::vector<std::size_t>& widths,
                      bool colours) const;
  std::string line(const std::vector<Cell>& cells, const std::vector<std::size_t>& widths,
                   bool colours) const;

  std::vector<Column> columns_;
  std::vector<Row> rows_;
};

}  // namespace nat
