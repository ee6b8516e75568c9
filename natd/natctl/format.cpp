#include "natd/natctl/format.h"

#include <array>
#include <cmath>
#include <cstdio>
#include <ctime>

namespace nat {
namespace {

template <typename... Arguments>
std::string printed(const char* form, Arguments... arguments) {
  std::array<char, 64> text;
  const int length = std::snprintf(text.data(), text.size(), form, arguments...);
  return std::string(text.data(), static_cast<std::size_t>(length));
}

}  // namespace

std::string format_age(std::uint64_t seconds) {
  const auto n = static_cast<unsigned long long>(seconds);
  if (n < 60) return printed("%llus", n);
  if (n < 3600) return printed("%llum%02llus", n / 60, n % 60);
  if (n < 86400) return printed("%lluh%02llum", n / 3600, n / 60 % 60);
  return printed("%llud%02lluh", n / 86400, n / 3600 % 24);
}

std::string format_short(double seconds) {
  if (seconds < 999.5e-6) return printed("%.0fus", seconds * 1e6);
  if (seconds < 0.99995) return printed("%.1fms", seconds * 1e3);
  return printed("%.1fs", seconds);
}

std::string format_bytes(std::uint64_t bytes) {
  if (bytes < 1024) return std::to_string(bytes) + " B";
  auto value = static_cast<double>(bytes);
  const char* unit = "";
  for (const char* next : {"KiB", "MiB", "GiB", "TiB", "PiB"}) {
    if (value < 1023.95) break;
    value /= 1024;
    unit = next;
  }
  return printed("%.1f %s", value, unit);
}

std::string counted(std::uint64_t number, const std::string& noun) {
  return std::to_string(number) + " " + noun + (number == 1 ? "" : "s");
}

std::string format_clock(double unix_seconds) {
  const auto milliseconds = std::llround(unix_seconds * 1000);
  const auto seconds = static_cast<time_t>(milliseconds / 1000);
  tm local{};
  localtime_r(&seconds, &local);
  return printed("%02d:%02d:%02d.%03lld", local.tm_hour, local.tm_min, local.tm_sec, milliseconds % 1000);
}

std::string format_share(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return "-";
  return printed("%.1f%%", 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

}  // namespace nat
