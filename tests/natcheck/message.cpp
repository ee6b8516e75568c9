#include "tests/natcheck/message.h"

#include <algorithm>

namespace nat::check {
namespace {

constexpr std::array<std::uint8_t, 5> kOpening = {'N', 'A', 'T', 'C', 1};
constexpr std::size_t kKind = 5, kRun = 6, kStage = 14, kObserved = 15, kProtocol = 21, kOutcome = 22,
                      kIcmpType = 23, kIcmpCode = 24, kWait = 25, kSubject = 27, kRawLocal = 33,
                      kRawObserved = 39, kCookie = 45, kTag = 53, kZero = 55;

template <typename Enum>
bool within(std::uint8_t value, Enum first, Enum last) {
  return value >= static_cast<std::uint8_t>(first) && value <= static_cast<std::uint8_t>(last);
}

}  // namespace

Octets encode(const Message& message) {
  Octets octets{};
  std::copy(kOpening.begin(), kOpening.end(), octets.begin());
  std::uint8_t* const at = octets.data();
  at[kKind] = static_cast<std::uint8_t>(message.kind);
  store64(at + kRun, message.run);
  at[kStage] = static_cast<std::uint8_t>(message.stage);
  store_raw(at + kObserved, complement(message.observed));
  at[kProtocol] = static_cast<std::uint8_t>(message.protocol);
  at[kOutcome] = static_cast<std::uint8_t>(message.outcome);
  at[kIcmpType] = message.icmp_type;
  at[kIcmpCode] = message.icmp_code;
  store16(at + kWait, message.wait);
  store_raw(at + kSubject, complement(message.subject));
  store_raw(at + kRawLocal, message.raw_local);
  store_raw(at + kRawObserved, message.raw_observed);
  store64(at + kCookie, message.cookie);
  store16(at + kTag, message.tag);
  return octets;
}

bool parse(std::span<const std::uint8_t> octets, Message& message) {
  if (octets.size() != kMessageSize) return false;
  const std::uint8_t* const at = octets.data();
  if (!std::equal(kOpening.begin(), kOpening.end(), at)) return false;
  if (!within(at[kKind], Kind::ping, Kind::echoed)) return false;
  if (!within(at[kStage], Stage::none, Stage::payload)) return false;
  if (!within(at[kOutcome], Outcome::none, Outcome::altered)) return false;
  const auto protocol = static_cast<Protocol>(at[kProtocol]);
  if (protocol != Protocol::udp && protocol != Protocol::tcp) return false;
  if (std::any_of(at + kZero, at + kMessageSize, [](std::uint8_t octet) { return octet != 0; })) return false;

  message.kind = static_cast<Kind>(at[kKind]);
  message.run = load64(at + kRun);
  message.stage = static_cast<Stage>(at[kStage]);
  message.observed = complement(load_raw(at + kObserved));
  message.protocol = protocol;
  message.outcome = static_cast<Outcome>(at[kOutcome]);
  message.icmp_type = at[kIcmpType];
  message.icmp_code = at[kIcmpCode];
  message.wait = load16(at + kWait);
  message.subject = complement(load_raw(at + kSubject));
  message.raw_local = load_raw(at + kRawLocal);
  message.raw_observed = load_raw(at + kRawObserved);
  message.cookie = load64(at + kCookie);
  message.tag = load16(at + kTag);
  return true;
}

}  // namespace nat::check
