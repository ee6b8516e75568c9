#include "natd/natctl/table.h"

#include <algorithm>

namespace nat {

std::string painted(const std::string& text, Tone tone, bool colours) {
  if (!colours || tone == Tone::plain || text.empty()) return text;
  const char* code = tone == Tone::heading ? "1" : tone == Tone::good ? "32" : tone == Tone::bad ? "31" : "2";
  return std::string("\x1b[") + code + "m" + text + "\x1b[0m";
}

std::string Table::line(const std::vector<Cell>& cells, const std::vector<std::size_t>& widths,
                        bool colours) const {
  std::string text;
  std::size_t owed = 0;  // blanks before the next visible character
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    const std::size_t padding = widths[c] - cells[c].text.size();
    if (columns_[c].align == Align::right) owed += padding;
    if (!cells[c].text.empty()) {
      text += std::string(owed, ' ') + painted(cells[c].text, cells[c].tone, colours);
      owed = 0;
    }
    if (columns_[c].align == Align::left) owed += padding;
    owed += 2;
  }
  return text + "\n";
}

std::string Table::render(bool header, bool colours) const {
  std::vector<std::size_t> widths;
  std::vector<Cell> titles;
  for (const Column& column : columns_) {
    widths.push_back(header ? column.title.size() : 0);
    titles.emplace_back(column.title, Tone::heading);
  }
  for (const auto& row : rows_) {
    for (std::size_t c = 0; c < widths.size(); ++c) widths[c] = std::max(widths[c], row[c].text.size());
  }
  std::string text = header ? line(titles, widths, colours) : "";
  for (const auto& row : rows_) text += line(row, widths, colours);
  return text;
}

}  // namespace nat
