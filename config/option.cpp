#include "config/option.h"

#include <algorithm>
#include <limits>

#include "config/diagnostic.h"
#include "config/port_forward.h"
#include "config/suggestion.h"
#include "config/value.h"

namespace nat {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kLongestSocketPath = 107;  // sun_path, with its terminating zero
constexpr std::size_t kLongestGroup = 32;
constexpr std::size_t kMostAddresses = 1024;
constexpr std::size_t kMostExemptions = 256;
constexpr std::size_t kMostNetworks = 256;

OptionError not_a(const Option& option, std::string_view text, std::string_view what) {
  return {in_quotes(text) + " is not " + std::string(what), "write " + std::string(syntax(option.kind))};
}

std::optional<OptionError> outside(const Option& option, std::int64_t value, std::string_view text) {
  if (value >= option.minimum.value && value <= option.maximum.value) return std::nullopt;
  return OptionError{in_quotes(text) + " is out of range",
                     "choose from " + option.format(option.minimum) + " to " + option.format(option.maximum)};
}

// One reader for each kind.

std::optional<OptionError> read_boolean(const Option& option, std::string_view text, bool& field) {
  const auto value = parse_boolean(text);
  if (!value) return not_a(option, text, "yes or no");
  field = *value;
  return std::nullopt;
}

template <typename Number>
std::optional<OptionError> read_number(const Option& option, std::string_view text, Number& field) {
  const bool digits = !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
  if (!digits) return not_a(option, text, "a number");
  constexpr std::int64_t kFar = std::numeric_limits<std::int64_t>::max();
  const auto value = static_cast<std::int64_t>(parse_number(text, kFar).value_or(kFar));
  if (auto error = outside(option, value, text)) return error;
  field = static_cast<Number>(value);
  return std::nullopt;
}

std::optional<OptionError> read_duration(const Option& option, std::string_view text, Duration& field) {
  const auto value = parse_duration(text);
  if (!value) return not_a(option, text, "a time");
  if (auto error = outside(option, value->count(), text)) return error;
  field = *value;
  return std::nullopt;
}

// A word of choices(), which stand in the order of the enumerators.
template <typename Enum>
std::optional<OptionError> read_word(const Option& option, std::string_view text, std::string_view what,
                                     Enum& field) {
  const auto known = choices(option.kind);
  const auto found = std::find(known.begin(), known.end(), text);
  if (found != known.end()) {
    field = static_cast<Enum>(found - known.begin());
    return std::nullopt;
  }
  const std::string_view meant = nearest(text, known);
  if (meant.empty()) return not_a(option, text, what);
  return OptionError{in_quotes(text) + " is not " + std::string(what),
                     "did you mean " + in_quotes(meant) + "?"};
}

std::optional<OptionError> read_allocation(const Option& option, std::string_view text, Allocation& field) {
  return read_word(option, text, "a way to choose ports", field);
}

std::optional<OptionError> read_syn_answer(const Option& option, std::string_view text, SynAnswer& field) {
  return read_word(option, text, "an answer to a SYN", field);
}

std::optional<OptionError> read_unsolicited_syn(const Option& option, std::string_view text,
                                                UnsolicitedSyn& field) {
  return read_word(option, text, "an answer to a SYN", field);
}

std::optional<OptionError> read_address_options(const Option& option, std::string_view text,
                                                AddressOptions& field) {
  return read_word(option, text, "a way to treat options", field);
}

std::optional<OptionError> read_behavior(const Option& option, std::string_view text, Behavior& field) {
  return read_word(option, text, "a behaviour", field);
}

std::optional<OptionError> read_port_range(const Option& option, std::string_view text, PortRange& field) {
  const auto value = parse_port_range(text);
  if (!value) return not_a(option, text, "a range of ports");
  if (auto error = outside(option, value->first, text)) return error;
  field = *value;
  return std::nullopt;
}

std::optional<OptionError> read_port_ranges(const Option& option, std::string_view text,
                                            std::vector<PortRange>& field) {
  std::vector<PortRange> ranges;
  for (const std::string_view part : comma_separated(text)) {
    const auto range = parse_port_range(part);
    if (!range) return not_a(option, part, "a range of ports");
    ranges.push_back(*range);
  }
  if (ranges.empty()) return not_a(option, text, "a list of ranges of ports");
  std::sort(ranges.begin(), ranges.end(),
            [](const PortRange& a, const PortRange& b) { return a.first < b.first; });
  for (std::size_t i = 1; i < ranges.size(); ++i) {
    if (ranges[i].first <= ranges[i - 1].last) {
      return OptionError{
          format_port_range(ranges[i - 1]) + " and " + format_port_range(ranges[i]) + " overlap",
          "name every port once"};
    }
  }
  field = std::move(ranges);
  return std::nullopt;
}

std::optional<OptionError> read_addresses(const Option& option, std::string_view text,
                                          std::vector<Address>& field) {
  for (const std::string_view part : comma_separated(text)) {
    const auto addresses = parse_addresses(part);
    if (!addresses) return not_a(option, part, "an address that a host can have");
    for (const Address address : *addresses) {
      if (std::find(field.begin(), field.end(), address) != field.end()) {
        return OptionError{address.to_string() + " is named already", "name every address once"};
      }
      field.push_back(address);
    }
    if (field.size() > kMostAddresses) return OptionError{"these are more than 1024 addresses", "name fewer"};
  }
  return std::nullopt;
}

std::optional<OptionError> read_exemptions(const Option& option, std::string_view text,
                                           std::vector<Exemption>& field) {
  for (const std::string_view part : comma_separated(text)) {
    const auto exemption = parse_exemption(part);
    if (!exemption) return not_a(option, part, "a remote");
    if (std::find(field.begin(), field.end(), *exemption) != field.end()) {
      return OptionError{format_exemption(*exemption) + " is exempt already", "name every remote once"};
    }
    if (field.size() == kMostExemptions)
      return OptionError{"there are more than 256 exempt remotes", "name subnets"};
    field.push_back(*exemption);
  }
  return std::nullopt;
}

std::optional<OptionError> read_networks(const Option& option, std::string_view text,
                                         std::vector<Prefix>& field) {
  for (const std::string_view part : comma_separated(text)) {
    const auto network = Prefix::parse(part);
    if (!network) return not_a(option, part, "a network");
    if (std::find(field.begin(), field.end(), *network) != field.end()) {
      return OptionError{network->to_string() + " is named already", "name every network once"};
    }
    if (field.size() == kMostNetworks)
      return OptionError{"these are more than 256 networks", "name larger ones"};
    field.push_back(*network);
  }
  return std::nullopt;
}

std::optional<OptionError> read_port_forwards(const Option&, std::string_view text,
                                              std::vector<PortForward>& field) {
  for (const std::string_view part : comma_separated(text)) {
    const auto forward = parse_port_forward(part);
    if (!forward) return OptionError{forward.problems().front().message, forward.problems().front().hint};
    for (const PortForward& other : field) {
      if (clash(other, *forward)) {
        return OptionError{"the external port is taken by '" + format_port_forward(other) + "'",
                           "give every port forward its own"};
      }
      if (!forward->name.empty() && other.name == forward->name) {
        return OptionError{
            "the name " + in_quotes(forward->name) + " is taken by '" + format_port_forward(other) + "'",
            "choose another name"};
      }
    }
    if (field.size() == kMostPortForwards)
      return OptionError{"there are more than 4096 port forwards", "remove some"};
    field.push_back(*forward);
  }
  return std::nullopt;
}

std::optional<OptionError> read_host_rules(const Option&, std::string_view text,
                                           std::vector<HostRuleText>& field) {
  while (!text.empty()) {
    const auto end = text.find(';');
    const std::string_view part = trimmed(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    if (part.empty()) continue;
    auto rule = parse_host_rule(part);
    if (!rule) return OptionError{rule.problems().front().message, rule.problems().front().hint};
    if (field.size() == kMostHostRules) {
      return OptionError{"there are more than " + std::to_string(kMostHostRules) + " rules", "remove some"};
    }
    field.push_back(std::move(*rule));
  }
  return std::nullopt;
}

std::optional<OptionError> read_interface(const Option& option, std::string_view text, std::string& field) {
  if (!is_interface_name(text)) return not_a(option, text, "the name of an interface");
  field = std::string(text);
  return std::nullopt;
}

std::optional<OptionError> read_datapath(const Option& option, std::string_view text, DatapathKind& field) {
  return read_word(option, text, "a datapath", field);
}

std::optional<OptionError> read_connection_tracking(const Option& option, std::string_view text,
                                                    ConnectionTracking& field) {
  return read_word(option, text, "auto, yes or no", field);
}

std::optional<OptionError> read_path(const Option& option, std::string_view text, std::string& field) {
  if (!text.starts_with('/') || text.size() > kLongestSocketPath)
    return not_a(option, text, "a path for a socket");
  field = std::string(text);
  return std::nullopt;
}

std::optional<OptionError> read_group(const Option& option, std::string_view text, std::string& field) {
  const bool printable =
      std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f && c != ':'; });
  if (text.size() > kLongestGroup || !printable) return not_a(option, text, "the name of a group");
  field = std::string(text);
  return std::nullopt;
}

// One writer for each type.

std::string write_value(bool value) { return value ? "yes" : "no"; }
std::string write_value(Duration value) { return format_duration(value); }
std::string write_value(Behavior value) { return to_string(value); }
std::string write_value(Allocation value) { return to_string(value); }
std::string write_value(UnsolicitedSyn value) { return to_string(value); }
std::string write_value(AddressOptions value) { return to_string(value); }
std::string write_value(SynAnswer value) { return to_string(value); }
std::string write_value(DatapathKind value) { return to_string(value); }
std::string write_value(ConnectionTracking value) { return to_string(value); }
std::string write_value(PortRange value) { return format_port_range(value); }
std::string write_value(Address value) { return value.to_string(); }
std::string write_value(const Prefix& value) { return value.to_string(); }
std::string write_value(const Exemption& value) { return format_exemption(value); }
std::string write_value(const PortForward& value) { return format_port_forward(value); }
std::string write_value(const std::string& value) { return value; }
std::string write_value(std::uint32_t value) { return std::to_string(value); }
std::string write_value(std::uint16_t value) { return std::to_string(value); }

template <typename Element>
std::string write_value(const std::vector<Element>& list) {
  std::string text;
  for (const Element& element : list) text += (text.empty() ? "" : ", ") + write_value(element);
  return text;
}

// Rules hold commas.
std::string write_value(const std::vector<HostRuleText>& rules) {
  std::string text;
  for (const HostRuleText& rule : rules) text += (text.empty() ? "" : "; ") + format_host_rule(rule);
  return text;
}

template <typename Field>
std::int64_t measure_value(const Field& field) {
  if constexpr (std::is_same_v<Field, Duration>) {
    return field.count();
  } else if constexpr (std::is_integral_v<Field>) {
    return field;
  } else {
    return 0;
  }
}

constexpr Option kOptions[] = {
#define OPTION(key, kind, field, unit, minimum, maximum, floor, rule, when, help)                           \
  Option{key,                                                                                               \
         Kind::kind,                                                                                        \
         unit,                                                                                              \
         minimum,                                                                                           \
         maximum,                                                                                           \
         floor,                                                                                             \
         rule,                                                                                              \
         When::when,                                                                                        \
         help,                                                                                              \
         [](const Option& o, std::string_view text, Settings& s) { return read_##kind(o, text, s.field); }, \
         [](const Settings& s) { return write_value(s.field); },                                            \
         [](const Settings& from, Settings& to) { to.field = from.field; },                                 \
         [](const Settings& s) { return measure_value(s.field); }},
#include "config/options.def"
#undef OPTION
};

}  // namespace

std::string_view syntax(Kind kind) {
  switch (kind) {
    case Kind::boolean:
      return "yes or no";
    case Kind::number:
      return "a number";
    case Kind::duration:
      return "seconds such as 300, or a time such as 5min, 2h4min or 100ms";
    case Kind::behavior:
      return "endpoint-independent, address-dependent or address-and-port-dependent";
    case Kind::allocation:
      return "random or sequential";
    case Kind::syn_answer:
      return "none, reset or icmp";
    case Kind::unsolicited_syn:
      return "silent or icmp-delayed";
    case Kind::address_options:
      return "refuse or blank";
    case Kind::port_range:
      return "a range such as 60000-60999";
    case Kind::port_ranges:
      return "ranges such as 1024-32767,40000-65535";
    case Kind::addresses:
      return "an address such as 203.0.113.6, or a range such as 203.0.113.6-203.0.113.9";
    case Kind::port_forwards:
      return "a rule such as 'tcp 8443 -> 10.0.0.1:443 name=web'";
    case Kind::host_rules:
      return "a rule such as '10.0.0.0/24 udp: udp.mapping=endpoint-independent'";
    case Kind::exemptions:
      return "a remote such as 192.0.2.32, 192.0.2.0/24 or 192.0.2.32:5060-5061";
    case Kind::networks:
      return "a network such as 10.0.0.0/24";
    case Kind::interface:
      return "the name that 'ip link' shows, at most 15 characters";
    case Kind::datapath:
      return "auto, nfqueue or tun";
    case Kind::connection_tracking:
      return "auto, yes or no";
    case Kind::path:
      return "an absolute path of at most 107 characters";
    case Kind::group:
      return "a name that 'getent group' shows";
  }
  return {};
}

std::vector<std::string_view> choices(Kind kind) {
  switch (kind) {
    case Kind::boolean:
      return {"yes", "no"};
    case Kind::behavior:
      return {to_string(Behavior::endpoint_independent), to_string(Behavior::address_dependent),
              to_string(Behavior::address_and_port_dependent)};
    case Kind::allocation:
      return {to_string(Allocation::random), to_string(Allocation::sequential)};
    case Kind::unsolicited_syn:
      return {to_string(UnsolicitedSyn::silent), to_string(UnsolicitedSyn::icmp_delayed)};
    case Kind::address_options:
      return {to_string(AddressOptions::refuse), to_string(AddressOptions::blank)};
    case Kind::syn_answer:
      return {to_string(SynAnswer::none), to_string(SynAnswer::reset), to_string(SynAnswer::icmp)};
    case Kind::datapath:
      return {"auto", "nfqueue", "tun"};
    case Kind::connection_tracking:
      return {"auto", "yes", "no"};
    default:
      return {};
  }
}

std::string_view Option::section() const {
  const auto dot = key.find('.');
  return dot == std::string_view::npos ? std::string_view{} : key.substr(0, dot);
}

std::string_view Option::name() const { return key.substr(section().empty() ? 0 : section().size() + 1); }

std::string Option::format(Bound bound) const {
  return kind == Kind::duration ? format_duration(Duration(bound.value)) : std::to_string(bound.value);
}

std::string Option::breach(const Settings& settings) const {
  const std::string value = std::string(key) + " = " + write(settings);
  if (!has_floor()) return value + " breaks " + std::string(rule);
  return value + " is below the " + format(floor) + " that " + std::string(rule) + " demands";
}

std::string Option::default_value() const { return write(default_settings()); }

const Settings& default_settings() {
  static const Settings kDefaults;
  return kDefaults;
}

std::span<const Option> options() { return kOptions; }

std::vector<std::string> breaches(const Settings& settings) {
  std::vector<std::string> found;
  for (const Option& option : kOptions) {
    if (option.breaks_rule(settings)) found.push_back(option.breach(settings));
  }
  for (const HostRuleText& rule : settings.host_rules) {
    for (const std::string& breach : breaches(rule, settings)) {
      found.push_back(format_host_rule(rule) + ": " + breach);
    }
  }
  return found;
}

const Option* find_option(std::string_view key) {
  const auto found = std::find_if(std::begin(kOptions), std::end(kOptions),
                                  [&](const Option& option) { return option.key == key; });
  return found == std::end(kOptions) ? nullptr : found;
}

std::span<const std::string_view> sections() {
  static const auto kSections = [] {
    std::vector<std::string_view> found;
    for (const Option& option : kOptions) {
      if (!option.section().empty() && (found.empty() || found.back() != option.section())) {
        found.push_back(option.section());
      }
    }
    return found;
  }();
  return kSections;
}

}  // namespace nat
