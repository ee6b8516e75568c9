// The text of a configuration as a list of keys and values, each with the place where it stands. The values
// mean nothing yet; validate.h knows what they mean.
//
// The form is the INI form of Boost.Program_options:
//
//   lab = no                  # a key above the first section
//   [udp]
//   timeout = 5min            # "udp.timeout"
//   tcp.opening = 30s         # a key with a dot is whole, wherever it stands
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/diagnostic.h"

namespace nat {

struct Entry {
  std::string key;  // "udp.timeout"
  std::string value;
  Location key_at;
  Location value_at;
};

// One source of settings: a file, the command line, or what `natctl set` was given.
struct Document {
  std::string source;
  std::vector<Entry> entries;
  Diagnostics problems;  // lines that cannot be read
};

// The largest file that is read.
inline constexpr std::size_t kLargestFile = 1U << 20;

// `source` names the text in messages; normally it is the path.
Document parse_document(std::string_view text, std::string source);
// A file that cannot be read is a document with one problem.
Document read_document(const std::string& path);
// Of "udp.timeout=5min" and the like.
Document parse_assignments(const std::vector<std::string>& assignments, std::string source);

}  // namespace nat
