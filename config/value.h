// How single values are written: times, ports, switches, addresses. Each kind has one reader, which says what
// is wrong in words, and one writer, whose output the reader takes back.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/settings.h"

namespace nat {

// Removes blanks at both ends.
std::string_view trimmed(std::string_view text);
// The first word of the text, removed from it together with the blanks after it.
std::string_view take_word(std::string_view& text);
// The parts between commas, trimmed; none of an empty text.
std::vector<std::string_view> comma_separated(std::string_view text);

// A decimal number without sign, at most `maximum`.
std::optional<std::uint64_t> parse_number(std::string_view text, std::uint64_t maximum);

// "300" (seconds), "300s", "5min", "2h4min", "2h 4min", "100ms", "1d"; at most ten years.
std::optional<Duration> parse_duration(std::string_view text);
// The shortest exact way: "2h4min".
std::string format_duration(Duration duration);

// "yes", "on", "true" or "no", "off", "false".
std::optional<bool> parse_boolean(std::string_view text);

// "1024-65535", or "5060" for a range of one. Port 0 is none.
std::optional<PortRange> parse_port_range(std::string_view text);
std::string format_port_range(PortRange range);

// "203.0.113.5", or "203.0.113.20-203.0.113.22", which is at most 1024 addresses; each of them that a host
// can have.
std::optional<std::vector<Address>> parse_addresses(std::string_view text);

// Whether a host can have the address: not unspecified, loopback, multicast or above.
bool is_unicast(Address address);

// "192.0.2.32", "192.0.2.0/24", or either with ports behind it: "192.0.2.32:5060-5061".
std::optional<Exemption> parse_exemption(std::string_view text);
std::string format_exemption(const Exemption& exemption);

// What the kernel accepts as the name of an interface.
bool is_interface_name(std::string_view text);

}  // namespace nat
