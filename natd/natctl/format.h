// Numbers as text for the operator.
#pragma once

#include <cstdint>
#include <string>

namespace nat {

// How long something has been going on, or goes on: "42s", "5m12s", "2h14m", "3d02h".
std::string format_age(std::uint64_t seconds);
// A time too short for whole seconds to show it: "61us", "3.1ms", "2.4s".
std::string format_short(double seconds);
// "512 B", "1.2 KiB", "88.1 MiB".
std::string format_bytes(std::uint64_t bytes);
// "1 mapping", "2 mappings".
std::string counted(std::uint64_t number, const std::string& noun);
// Seconds since 1970 as local time of day, "14:21:07.113".
std::string format_clock(double unix_seconds);
// "7.8%"; of nothing it is "-".
std::string format_share(std::uint64_t part, std::uint64_t whole);

}  // namespace nat
