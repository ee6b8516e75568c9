#include "config/document.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include <boost/program_options.hpp>

#include "config/option.h"
#include "config/suggestion.h"
#include "config/value.h"

namespace nat {
namespace {

namespace po = boost::program_options;

std::string_view without_comment(std::string_view line) { return line.substr(0, line.find('#')); }

unsigned column_of(std::string_view line, std::size_t from) {
  const auto first = line.find_first_not_of(" \t", from);
  return static_cast<unsigned>(first == std::string_view::npos ? line.size() : first) + 1;
}

// Boost's errors carry no line numbers, so that each line is a file of its own for it.
struct KeyAndValue {
  std::string key;
  std::string value;
};
std::optional<KeyAndValue> read_key_and_value(std::string_view line) {
  static const po::options_description kNothing;
  std::istringstream stream{std::string(line)};
  try {
    const auto parsed = po::parse_config_file(stream, kNothing, true);
    if (parsed.options.size() != 1) return std::nullopt;
    return KeyAndValue{parsed.options[0].string_key, parsed.options[0].value.at(0)};
  } catch (const po::error&) {
    return std::nullopt;
  }
}

class Reader {
 public:
  explicit Reader(Document& document) : document_(document) {}

  void read(std::string_view line) {
    ++number_;
    const std::string_view content = trimmed(without_comment(line));
    if (content.empty()) return;
    if (content.front() == '[') {
      enter_section(line, content);
    } else {
      read_entry(line);
    }
  }

 private:
  Location at(unsigned column) const { return {document_.source, number_, column}; }

  void enter_section(std::string_view line, std::string_view content) {
    known_section_ = false;
    if (content.size() < 2 || content.back() != ']') {
      return complain(column_of(line, 0), {}, "the section is not closed", "end it with ']'");
    }
    section_ = std::string(trimmed(content.substr(1, content.size() - 2)));
    for (const std::string_view known : sections()) known_section_ |= known == section_;
    if (!known_section_) {
      const OptionError error = unknown_key((section_.empty() ? "?" : section_) + ".");
      complain(column_of(line, 0), {}, error.message, error.hint);
    }
  }

  void read_entry(std::string_view line) {
    const unsigned column = column_of(line, 0);
    const auto pair = read_key_and_value(line);
    if (!pair) {
      return complain(column, {},
                      in_quotes(trimmed(without_comment(line))) + " is neither a section nor a key",
                      "write 'key = value' or '[section]'");
    }
    if (pair->key.empty()) return complain(column, {}, "there is no key before '='", "write 'key = value'");
    const bool whole = section_.empty() || pair->key.find('.') != std::string::npos;
    if (!whole && !known_section_) return;  // said already, where the section begins
    const std::string key = whole ? pair->key : section_ + "." + pair->key;
    document_.entries.push_back({key, pair->value, at(column), at(column_of(line, line.find('=') + 1))});
  }

  void complain(unsigned column, std::string key, std::string message, std::string hint) {
    document_.problems.push_back({at(column), std::move(key), std::move(message), std::move(hint)});
  }

  Document& document_;
  std::string section_;
  bool known_section_ = true;
  unsigned number_ = 0;
};

Document unreadable(const std::string& path, const std::string& reason) {
  return {path, {}, {{{path, 0, 0}, {}, "cannot read the file: " + reason, {}}}};
}

}  // namespace

Document parse_document(std::string_view text, std::string source) {
  Document document{std::move(source), {}, {}};
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);  // a byte order mark
  Reader reader(document);
  while (!text.empty()) {
    const auto end = text.find('\n');
    reader.read(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return document;
}

Document read_document(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return unreadable(path, std::strerror(EISDIR));
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) return unreadable(path, std::strerror(errno != 0 ? errno : EIO));
  std::string text(kLargestFile + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return unreadable(path, std::strerror(EIO));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > kLargestFile) return unreadable(path, "it is larger than 1 MiB");
  return parse_document(text, path);
}

Document parse_assignments(const std::vector<std::string>& assignments, std::string source) {
  Document document{std::move(source), {}, {}};
  const Location at{document.source, 0, 0};
  for (const std::string& assignment : assignments) {
    const auto equals = assignment.find('=');
    const std::string key(trimmed(std::string_view(assignment).substr(0, equals)));
    if (equals == std::string::npos || key.empty()) {
      document.problems.push_back({at, {}, in_quotes(assignment) + " sets nothing", "write KEY=VALUE"});
      continue;
    }
    const std::string value(trimmed(std::string_view(assignment).substr(equals + 1)));
    document.entries.push_back({key, value, at, at});
  }
  return document;
}

}  // namespace nat
