#include "translation/icmp_error.h"

#include <algorithm>

#include "translation/net/checksum.h"

namespace nat {
namespace {

constexpr std::size_t kLargestError = 576;  // RFC 1812 section 4.3.2.3
constexpr std::uint8_t kTtl = 64;

}  // namespace

bool may_answer(const PacketView& view) {
  const Address source = view.source_address();
  const Address destination = view.destination_address();
  return !view.icmp_error() && !view.later_fragment() && !source.unspecified() && !source.multicast() &&
         !source.broadcast() && !source.loopback() && !destination.multicast() && !destination.broadcast();
}

std::span<const std::uint8_t> make_icmp_error(std::vector<std::uint8_t>& buffer, const PacketView& about,
                                              Address source, std::uint8_t type, std::uint8_t code) {
  const std::size_t header = ip::kMinimumHeader + icmp::kHeader;
  const std::size_t quoted = std::min(about.total_length(), kLargestError - header);
  const std::uint8_t type_of_service = about.octets()[1];
  buffer.assign(header + quoted, 0);
  std::uint8_t* const out = buffer.data();
  out[0] = 0x45;
  out[1] = type_of_service;
  store16(out + ip::kTotalLength, static_cast<std::uint16_t>(buffer.size()));
  store16(out + ip::kFragment, ip::kDontFragment);
  out[ip::kTtl] = kTtl;
  out[ip::kProtocol] = static_cast<std::uint8_t>(Protocol::icmp);
  store32(out + ip::kSource, source.value());
  store32(out + ip::kDestination, about.source_address().value());
  store16(out + ip::kChecksum, internet_checksum({out, ip::kMinimumHeader}));
  std::uint8_t* const message = out + ip::kMinimumHeader;
  message[0] = type;
  message[1] = code;
  std::copy_n(about.octets().data(), quoted, message + icmp::kHeader);
  store16(message + icmp::kChecksum, internet_checksum({message, icmp::kHeader + quoted}));
  return buffer;
}

bool RateLimit::allow(std::uint32_t rate, std::uint32_t burst, TimePoint now) {
  if (rate == 0) return false;
  const std::int64_t depth = std::int64_t{burst} * 1000;
  if (tokens_ < 0) {
    tokens_ = depth;
  } else {
    const std::int64_t elapsed = std::min<std::int64_t>((now - refilled_).count(), 1000000);
    tokens_ = std::min(depth, tokens_ + elapsed * rate);
  }
  refilled_ = now;
  if (tokens_ < 1000) return false;
  tokens_ -= 1000;
  return true;
}

}  // namespace nat
