// The keys as the program sees them: options.def turned into a table of values that can be looked up, set
// from text and written back as text.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/settings.h"

namespace nat {

enum class Kind : std::uint8_t {
  boolean,
  number,
  duration,
  behavior,
  allocation,
  syn_answer,
  unsolicited_syn,
  address_options,
  port_range,
  port_ranges,
  addresses,
  port_forwards,
  host_rules,
  exemptions,
  networks,
  interface,
  datapath,
  connection_tracking,
  path,
  group,
};

// How values of the kind are written, to follow "write ": "yes or no".
std::string_view syntax(Kind kind);
// The words that a value can be, where they can be listed; for hints and completion.
std::vector<std::string_view> choices(Kind kind);
// Whether the key may be repeated and its values add up.
constexpr bool is_list(Kind kind) {
  return kind == Kind::addresses || kind == Kind::port_forwards || kind == Kind::host_rules ||
         kind == Kind::exemptions || kind == Kind::networks;
}

// When a new value counts.
enum class When : std::uint8_t { live, restart };

// A number, or a time in milliseconds.
struct Bound {
  std::int64_t value = 0;
  constexpr Bound(int number) : value(number) {}
  template <typename Rep, typename Period>
  constexpr Bound(std::chrono::duration<Rep, Period> time)
      : value(std::chrono::duration_cast<Duration>(time).count()) {}
};

// Why a text is no value of an option.
struct OptionError {
  std::string message;
  std::string hint;
};

struct Option {
  std::string_view key;
  Kind kind;
  std::string_view unit;
  Bound minimum, maximum;
  Bound floor;
  std::string_view rule;
  When when;
  std::string_view help;

  // Sets the field from a text; a list grows by it.
  std::optional<OptionError> (*read)(const Option&, std::string_view text, Settings&);
  // The value as `read` takes it; the elements of a list separated by ", ", rules for
  // hosts by "; ".
  std::string (*write)(const Settings&);
  void (*copy)(const Settings& from, Settings& to);
  // Of numbers and times; otherwise 0.
  std::int64_t (*measure)(const Settings&);

  bool has_floor() const { return floor.value > 0; }
  bool below_floor(const Settings& settings) const { return has_floor() && measure(settings) < floor.value; }
  // Whether no RFC allows the value: below the floor, or anything but the default where there is none.
  bool breaks_rule(const Settings& settings) const {
    return has_floor() ? below_floor(settings) : !rule.empty() && write(settings) != default_value();
  }
  // "udp.timeout = 90s is below the 2min that RFC 4787 REQ-5 demands"; for a value that breaks the rule.
  std::string breach(const Settings& settings) const;
  // "udp" and "timeout"; the section of a key above the first section is empty.
  std::string_view section() const;
  std::string_view name() const;
  // A minimum, maximum or floor as text: "2min", "65536".
  std::string format(Bound bound) const;
  std::string default_value() const;
};

std::span<const Option> options();
// Every option as it is where it is not set. Settings take some kilobytes, so they are made once.
const Settings& default_settings();
// What the settings do that an RFC forbids, a sentence without a full stop each (Option::breach).
std::vector<std::string> breaches(const Settings& settings);
// Null when there is none.
const Option* find_option(std::string_view key);
// In the order of options.def, without the empty one.
std::span<const std::string_view> sections();

}  // namespace nat
