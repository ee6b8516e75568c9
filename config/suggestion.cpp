#include "config/suggestion.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <map>
#include <vector>

#include "config/diagnostic.h"

namespace nat {
namespace {

// By section.
using Names = std::map<std::string_view, std::vector<std::string_view>>;
const Names& names() {
  static const Names kNames = [] {
    Names found;
    for (const Option& option : options()) found[option.section()].push_back(option.name());
    return found;
  }();
  return kNames;
}

// Of all sections.
std::span<const std::string_view> every_name() {
  static const auto kEveryName = [] {
    std::vector<std::string_view> found;
    for (const Option& option : options()) found.push_back(option.name());
    return found;
  }();
  return kEveryName;
}

std::string joined(std::span<const std::string_view> words, std::string_view last_joint) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? last_joint : ", ";
    text += words[i];
  }
  return text;
}

constexpr std::size_t kLongestWord = 64;

// A bit for each character that occurs in the word; some share one.
std::uint64_t characters(std::string_view word) {
  std::uint64_t set = 0;
  for (const char c : word) set |= std::uint64_t{1} << (static_cast<unsigned char>(c) & 63U);
  return set;
}

// Fewer edits than this cannot do: each adds, and takes away, one character at most.
std::size_t least_distance(std::string_view a, std::string_view b) {
  const std::uint64_t in_a = characters(a), in_b = characters(b);
  return static_cast<std::size_t>(std::max({std::popcount(in_a & ~in_b), std::popcount(in_b & ~in_a),
                                            static_cast<int>(a.size()) - static_cast<int>(b.size()),
                                            static_cast<int>(b.size()) - static_cast<int>(a.size())}));
}

// Edits (insert, delete, replace, swap neighbours) that turn one word into the other, neither longer than
// kLongestWord; `most` where there are at least so many.
std::size_t distance(std::string_view a, std::string_view b, std::size_t most) {
  if (least_distance(a, b) >= most) return most;
  using Row = std::array<std::size_t, kLongestWord + 1>;
  Row rows[3] = {};
  Row *before = &rows[0], *previous = &rows[1], *current = &rows[2];
  for (std::size_t j = 0; j <= b.size(); ++j) (*previous)[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t least = (*current)[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replace = (*previous)[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      std::size_t edits = std::min({(*previous)[j] + 1, (*current)[j - 1] + 1, replace});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        edits = std::min(edits, (*before)[j - 2] + 1);
      }
      (*current)[j] = edits;
      least = std::min(least, edits);
    }
    // A swap reaches back over one row and adds one edit, so that rows as full as this one stay so.
    if (least > most) return most;
    Row* const oldest = before;
    before = previous;
    previous = current;
    current = oldest;
  }
  return std::min((*previous)[b.size()], most);
}

// Where else a key of this name stands: "did you mean 'filtering' in [udp], [tcp] or [icmp]?".
std::string elsewhere(std::string_view name) {
  const std::string_view meant = nearest(name, every_name());
  if (meant.empty()) return {};
  std::vector<std::string> places;
  for (const Option& option : options()) {
    if (option.name() != meant) continue;
    if (option.section().empty()) return "did you mean " + in_quotes(meant) + ", above the first section?";
    places.push_back("[" + std::string(option.section()) + "]");
  }
  const std::vector<std::string_view> views(places.begin(), places.end());
  return "did you mean " + in_quotes(meant) + " in " + joined(views, " or ") + "?";
}

}  // namespace

OptionError unknown_key(std::string_view key) {
  const auto dot = key.find('.');
  const std::string_view section = dot == std::string_view::npos ? std::string_view{} : key.substr(0, dot);
  const std::string_view name = dot == std::string_view::npos ? key : key.substr(dot + 1);
  const auto known_sections = sections();
  if (section.empty()) {
    std::string hint = elsewhere(name);
    if (hint.empty())
      hint = "keys stand below a section such as [" + std::string(known_sections.front()) + "]";
    return {"unknown key " + in_quotes(name) + " outside of any section", hint};
  }
  const std::string shown = in_quotes(section);
  const std::string bracketed = "[" + shown.substr(1, shown.size() - 2) + "]";
  if (std::find(known_sections.begin(), known_sections.end(), section) == known_sections.end()) {
    const std::string_view meant = nearest(section, known_sections);
    return {"unknown section " + bracketed, meant.empty()
                                                ? "the sections are " + joined(known_sections, " and ")
                                                : "did you mean [" + std::string(meant) + "]?"};
  }
  const auto& its_names = names().at(section);
  std::string hint;
  if (const std::string_view meant = nearest(name, its_names); !meant.empty()) {
    hint = "did you mean " + in_quotes(meant) + "?";
  } else if (hint = elsewhere(name); hint.empty()) {
    hint = "its keys are " + joined(its_names, " and ");
  }
  return {"unknown key " + in_quotes(name) + " in " + bracketed, hint};
}

std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates) {
  if (word.size() > kLongestWord) return {};
  std::string_view best;
  std::size_t fewest = (word.size() <= 3 ? 1 : std::max<std::size_t>(2, word.size() / 3)) + 1;
  for (const std::string_view candidate : candidates) {
    if (candidate.size() > kLongestWord) continue;
    const std::size_t edits = distance(word, candidate, fewest);
    // A word that shares nothing with the candidate is not near it, however short both are.
    if (edits < fewest && edits < candidate.size()) {
      fewest = edits;
      best = candidate;
    }
  }
  return best;
}

}  // namespace nat
