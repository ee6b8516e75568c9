#include "natd/natctl/table.h"

#include <algorithm>
#include <utility>

namespace nat {
namespace {

constexpr std::size_t kGap = 2;
constexpr std::size_t kNarrowest = 20;  // of a text that is broken into lines

// Lines of at most `width` characters, broken at blanks; a longer word has a line of its own.
std::vector<std::string> broken(const std::string& text, std::size_t width) {
  std::vector<std::string> lines;
  std::size_t begin = 0;
  while (text.size() - begin > width) {
    std::size_t end = text.rfind(' ', begin + width);
    if (end == std::string::npos || end <= begin) end = text.find(' ', begin + width);
    if (end == std::string::npos) break;
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  lines.push_back(text.substr(begin));
  return lines;
}

std::size_t before_last(const std::vector<std::size_t>& widths) {
  std::size_t before = 0;
  for (std::size_t c = 0; c + 1 < widths.size(); ++c) before += widths[c] + kGap;
  return before;
}

}  // namespace

std::string painted(const std::string& text, Tone tone, bool colours) {
  if (!colours || tone == Tone::plain || text.empty()) return text;
  const char* code = tone == Tone::heading ? "1" : tone == Tone::good ? "32" : tone == Tone::bad ? "31" : "2";
  return std::string("\x1b[") + code + "m" + text + "\x1b[0m";
}

void Table::add(std::vector<Cell> row, Cell note) { rows_.push_back({std::move(row), std::move(note)}); }

std::string Table::line(const std::vector<Cell>& cells, const std::vector<std::size_t>& widths,
                        bool colours) const {
  std::string text;
  std::size_t owed = 0;  // blanks before the next visible character
  for (std::size_t c = 0; c < cells.size(); ++c) {
    const std::size_t padding = widths[c] - std::min(widths[c], cells[c].text.size());
    const bool right = c < columns_.size() && columns_[c].align == Align::right;
    if (right) owed += padding;
    if (!cells[c].text.empty()) {
      text += std::string(owed, ' ') + painted(cells[c].text, cells[c].tone, colours);
      owed = 0;
    }
    if (!right) owed += padding;
    owed += kGap;
  }
  return text + "\n";
}

std::string Table::text_of(const std::vector<Cell>& cells, const std::vector<std::size_t>& widths,
                           bool colours) const {
  const std::size_t last = columns_.size() - 1;
  const std::vector<std::string> lines = broken(cells[last].text, widths[last]);
  std::vector<Cell> first = cells;
  first[last].text = lines.front();
  std::string text = line(first, widths, colours);
  const std::string indent(before_last({widths.begin(), widths.begin() + static_cast<long>(last) + 1}), ' ');
  for (std::size_t i = 1; i < lines.size(); ++i) {
    text += indent + painted(lines[i], cells[last].tone, colours) + "\n";
  }
  return text;
}

std::vector<std::size_t> Table::widths(bool header) const {
  std::vector<std::size_t> widths;
  for (const Column& column : columns_) widths.push_back(header ? column.title.size() : 0);
  for (const Row& row : rows_) {
    for (std::size_t c = 0; c < row.cells.size(); ++c)
      widths[c] = std::max(widths[c], row.cells[c].text.size());
  }
  const std::size_t before = before_last(widths);
  if (columns_.back().align == Align::left) {
    const std::size_t room = before < kTableWidth ? kTableWidth - before : 0;
    widths.back() = std::min(widths.back(), std::max(room, kNarrowest));
  }
  return widths;
}

bool Table::notes_fit_behind(std::size_t row_width) const {
  return std::all_of(rows_.begin(), rows_.end(), [row_width](const Row& row) {
    return row.cells.empty() || row.note.text.empty() ||
           row_width + kGap + row.note.text.size() <= kTableWidth;
  });
}

std::string Table::render(bool header, bool colours) const {
  std::vector<std::size_t> widths = this->widths(header);
  const bool behind = notes_fit_behind(before_last(widths) + widths.back());
  if (behind) widths.push_back(0);
  std::string text;
  if (header) {
    std::vector<Cell> titles;
    for (const Column& column : columns_) titles.emplace_back(column.title, Tone::heading);
    text += line(titles, widths, colours);
  }
  for (const Row& row : rows_) {
    if (row.cells.empty()) {
      text += row.note.text + "\n";
      continue;
    }
    std::vector<Cell> cells = row.cells;
    if (behind) cells.push_back(row.note);
    text += text_of(cells, widths, colours);
    if (behind || row.note.text.empty()) continue;
    const std::size_t indent = widths.front() + kGap;
    for (const std::string& part : broken(row.note.text, kTableWidth - indent)) {
      text += std::string(indent, ' ') + painted(part, row.note.tone, colours) + "\n";
    }
  }
  return text;
}

}  // namespace nat
