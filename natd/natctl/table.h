// Rows and columns as text: cells are texts, columns are as wide as their widest cell, two blanks
// stand between them, and no line ends in blanks.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace nat {

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

class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // As many cells as there are columns.
  void add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }
  bool empty() const { return rows_.empty(); }

  std::string render(bool header, bool colours) const;

 private:
  std::string line(const std::vector<Cell>& cells, const std::vector<std::size_t>& widths,
                   bool colours) const;

  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace nat
