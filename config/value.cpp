#include "config/value.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace nat {
namespace {

constexpr std::string_view kBlanks = " \t\r\n\v\f";
constexpr std::uint64_t kLongestDuration = std::uint64_t{10} * 365 * 24 * 3600 * 1000;
constexpr std::uint32_t kMostAddresses = 1024;
constexpr std::size_t kLongestInterfaceName = 15;

struct Unit {
  std::string_view name;
  std::uint64_t milliseconds;
};
constexpr std::array<Unit, 5> kUnits = {
    {{"d", 86'400'000}, {"h", 3'600'000}, {"min", 60'000}, {"s", 1000}, {"ms", 1}}};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }

// The longest beginning of the text whose characters all belong; removed from it.
template <typename Belongs>
std::string_view take_while(std::string_view& text, Belongs belongs) {
  const auto end = std::find_if_not(text.begin(), text.end(), belongs);
  const auto length = static_cast<std::size_t>(end - text.begin());
  const std::string_view taken = text.substr(0, length);
  text.remove_prefix(length);
  return taken;
}

}  // namespace

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::string_view take_word(std::string_view& text) {
  const std::string_view word = text.substr(0, text.find_first_of(" \t"));
  text = trimmed(text.substr(word.size()));
  return word;
}

std::vector<std::string_view> comma_separated(std::string_view text) {
  std::vector<std::string_view> parts;
  if (trimmed(text).empty()) return parts;
  for (;;) {
    const auto comma = text.find(',');
    parts.push_back(trimmed(text.substr(0, comma)));
    if (comma == std::string_view::npos) return parts;
    text.remove_prefix(comma + 1);
  }
}

std::optional<std::uint64_t> parse_number(std::string_view text, std::uint64_t maximum) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size() || value > maximum) {
    return std::nullopt;
  }
  return value;
}

std::optional<Duration> parse_duration(std::string_view text) {
  if (const auto seconds = parse_number(text, kLongestDuration / 1000)) {
    return std::chrono::seconds(static_cast<std::int64_t>(*seconds));
  }
  if (text.empty()) return std::nullopt;
  std::uint64_t total = 0;
  auto allowed = kUnits.begin();  // units come largest first, each at most once
  while (!text.empty()) {
    const auto number = parse_number(take_while(text, is_digit), kLongestDuration);
    const std::string_view name = take_while(text, is_lower);
    const auto unit = std::find_if(allowed, kUnits.end(), [&](const Unit& u) { return u.name == name; });
    if (!number || unit == kUnits.end() || *number > kLongestDuration / unit->milliseconds)
      return std::nullopt;
    total += *number * unit->milliseconds;
    if (total > kLongestDuration) return std::nullopt;
    allowed = unit + 1;
    text = trimmed(text);
  }
  return Duration(static_cast<std::int64_t>(total));
}

std::string format_duration(Duration duration) {
  if (duration.count() <= 0) return "0s";
  std::string text;
  auto rest = static_cast<std::uint64_t>(duration.count());
  for (const Unit& unit : kUnits) {
    if (rest >= unit.milliseconds) text += std::to_string(rest / unit.milliseconds).append(unit.name);
    rest %= unit.milliseconds;
  }
  return text;
}

std::optional<bool> parse_boolean(std::string_view text) {
  if (text == "yes" || text == "on" || text == "true") return true;
  if (text == "no" || text == "off" || text == "false") return false;
  return std::nullopt;
}

std::optional<PortRange> parse_port_range(std::string_view text) {
  const auto dash = text.find('-');
  const auto first = parse_number(trimmed(text.substr(0, dash)), 65535);
  const auto last =
      dash == std::string_view::npos ? first : parse_number(trimmed(text.substr(dash + 1)), 65535);
  if (!first || !last || *first == 0 || *first > *last) return std::nullopt;
  return PortRange{static_cast<std::uint16_t>(*first), static_cast<std::uint16_t>(*last)};
}

std::optional<Exemption> parse_exemption(std::string_view text) {
  const auto colon = text.find(':');
  const auto remote = Prefix::parse(trimmed(text.substr(0, colon)));
  if (!remote) return std::nullopt;
  Exemption exemption;
  exemption.remote = *remote;
  if (colon == std::string_view::npos) return exemption;
  const auto ports = parse_port_range(trimmed(text.substr(colon + 1)));
  if (!ports) return std::nullopt;
  exemption.ports = *ports;
  return exemption;
}

std::string format_exemption(const Exemption& exemption) {
  const Prefix& remote = exemption.remote;
  std::string text = remote.length() == 32 ? remote.network().to_string() : remote.to_string();
  if (!exemption.every_port()) text += ":" + format_port_range(exemption.ports);
  return text;
}

std::string format_port_range(PortRange range) {
  if (range.first == range.last) return std::to_string(range.first);
  return std::to_string(range.first) + "-" + std::to_string(range.last);
}

std::optional<std::vector<Address>> parse_addresses(std::string_view text) {
  const auto dash = text.find('-');
  const auto first = Address::parse(trimmed(text.substr(0, dash)));
  const auto last = dash == std::string_view::npos ? first : Address::parse(trimmed(text.substr(dash + 1)));
  if (!first || !last || *first > *last || last->value() - first->value() >= kMostAddresses)
    return std::nullopt;
  std::vector<Address> addresses;
  for (std::uint32_t value = first->value(); value <= last->value(); ++value) {
    if (!is_unicast(Address(value))) return std::nullopt;
    addresses.emplace_back(value);
  }
  return addresses;
}

bool is_unicast(Address address) {
  return address.value() >> 24 != 0 && !address.loopback() && address.value() < Address(224, 0, 0, 0).value();
}

bool is_interface_name(std::string_view text) {
  if (text.empty() || text.size() > kLongestInterfaceName || text == "." || text == "..") return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return c > ' ' && c < 0x7f && c != '/' && c != ':'; });
}

const char* to_string(DatapathKind kind) {
  switch (kind) {
    case DatapathKind::automatic:
      return "auto";
    case DatapathKind::nfqueue:
      return "nfqueue";
    case DatapathKind::tun:
      return "tun";
  }
  return "unknown";
}

const char* to_string(ConnectionTracking tracking) {
  switch (tracking) {
    case ConnectionTracking::automatic:
      return "auto";
    case ConnectionTracking::yes:
      return "yes";
    case ConnectionTracking::no:
      return "no";
  }
  return "unknown";
}

}  // namespace nat
