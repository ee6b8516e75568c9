#include "tests/traversal/message.h"

#include <algorithm>

namespace nat::traversal {
namespace {

constexpr std::array<std::uint8_t, 5> kOpening = {'N', 'A', 'T', 'P', 1};
constexpr std::size_t kKind = 5, kStage = 6, kFirstZero = 7, kNonce = 8, kCookie = 16, kFrom = 24, kTo = 36,
                      kExternal = 48, kInternal = 54, kZero = 60;

constexpr bool is_name_character(char character) {
  return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
         (character >= '0' && character <= '9') || character == '.' || character == '-' || character == '_';
}

// The name in a field that is filled up with zeros; empty where it is none.
std::string load_name(const std::uint8_t* at) {
  const auto* const end = std::find(at, at + kLongestName, 0);
  if (std::any_of(end, at + kLongestName, [](std::uint8_t octet) { return octet != 0; })) return {};
  const std::string name(at, end);
  return is_name(name) ? name : std::string();
}

template <typename Enum>
bool within(std::uint8_t value, Enum first, Enum last) {
  return value >= static_cast<std::uint8_t>(first) && value <= static_cast<std::uint8_t>(last);
}

}  // namespace

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kLongestName &&
         std::all_of(text.begin(), text.end(), is_name_character);
}

Octets encode(const Message& message) {
  Octets octets{};
  std::copy(kOpening.begin(), kOpening.end(), octets.begin());
  std::uint8_t* const at = octets.data();
  at[kKind] = static_cast<std::uint8_t>(message.kind);
  at[kStage] = static_cast<std::uint8_t>(message.stage);
  check::store64(at + kNonce, message.nonce);
  check::store64(at + kCookie, message.cookie);
  std::copy_n(message.from.begin(), std::min(message.from.size(), kLongestName), at + kFrom);
  std::copy_n(message.to.begin(), std::min(message.to.size(), kLongestName), at + kTo);
  check::store_raw(at + kExternal, check::complement(message.external));
  check::store_raw(at + kInternal, check::complement(message.internal));
  return octets;
}

bool parse(std::span<const std::uint8_t> octets, Message& message) {
  if (octets.size() != check::kMessageSize) return false;
  const std::uint8_t* const at = octets.data();
  if (!std::equal(kOpening.begin(), kOpening.end(), at)) return false;
  if (!within(at[kKind], Kind::join, Kind::notice)) return false;
  if (!within(at[kStage], Stage::none, Stage::done)) return false;
  if (at[kFirstZero] != 0) return false;
  if (std::any_of(at + kZero, at + check::kMessageSize, [](std::uint8_t octet) { return octet != 0; }))
    return false;
  std::string from = load_name(at + kFrom), to = load_name(at + kTo);
  if (from.empty() || to.empty()) return false;

  message.kind = static_cast<Kind>(at[kKind]);
  message.stage = static_cast<Stage>(at[kStage]);
  message.nonce = check::load64(at + kNonce);
  message.cookie = check::load64(at + kCookie);
  message.from = std::move(from);
  message.to = std::move(to);
  message.external = check::complement(check::load_raw(at + kExternal));
  message.internal = check::complement(check::load_raw(at + kInternal));
  return true;
}

}  // namespace nat::traversal
