#include "tests/natcheck/stun/message.h"

#include <algorithm>

#include "translation/net/wire.h"

namespace nat::check::stun {
namespace {

using Value = std::span<const std::uint8_t>;

constexpr std::uint32_t kCookie = 0x2112a442;
constexpr std::size_t kAttributeHeader = 4, kAddressSize = 8;
constexpr std::uint8_t kFamilyIpv4 = 1, kFamilyIpv6 = 2;
constexpr std::size_t kAddressSizeIpv6 = 20;
constexpr std::uint32_t kChangeAddressBit = 4, kChangePortBit = 2;
constexpr std::uint16_t kTypes[] = {0x0001, 0x0011, 0x0101, 0x0111};  // Binding, by Class

constexpr std::size_t rounded(std::size_t size) { return (size + 3) & ~std::size_t{3}; }

Endpoint exclusive_or(const Endpoint& endpoint) {
  return {Address(endpoint.address.value() ^ kCookie),
          static_cast<std::uint16_t>(endpoint.port ^ (kCookie >> 16))};
}

class Writer {
 public:
  explicit Writer(std::vector<std::uint8_t>& octets) : octets_(octets) {}

  // Appends an attribute of zeros and returns its value, valid until the next one.
  std::uint8_t* add(std::uint16_t type, std::size_t size) {
    const std::size_t at = octets_.size();
    octets_.resize(at + kAttributeHeader + rounded(size));
    store16(&octets_[at], type);
    store16(&octets_[at + 2], static_cast<std::uint16_t>(size));
    return octets_.data() + at + kAttributeHeader;
  }

  void add(std::uint16_t type, const std::optional<Endpoint>& endpoint) {
    if (!endpoint) return;
    std::uint8_t* const at = add(type, kAddressSize);
    at[1] = kFamilyIpv4;
    store16(at + 2, endpoint->port);
    store32(at + 4, endpoint->address.value());
  }

 private:
  std::vector<std::uint8_t>& octets_;
};

// The endpoint of an address attribute; nothing for IPv6, which is no error.
bool read_address(Value value, std::optional<Endpoint>& into) {
  if (value.size() < 2) return false;
  if (value[1] == kFamilyIpv6) return value.size() == kAddressSizeIpv6;
  if (value[1] != kFamilyIpv4 || value.size() != kAddressSize) return false;
  if (!into) into = Endpoint{Address(load32(&value[4])), load16(&value[2])};
  return true;
}

bool read_hidden_address(Value value, std::optional<Endpoint>& into) {
  if (into) return true;
  if (!read_address(value, into)) return false;
  if (into) into = exclusive_or(*into);
  return true;
}

bool read_change(Value value, Message& message) {
  if (value.size() != 4) return false;
  const std::uint32_t bits = load32(value.data());
  if (!message.change) message.change = Change{(bits & kChangeAddressBit) != 0, (bits & kChangePortBit) != 0};
  return true;
}

bool read_response_port(Value value, Message& message) {
  if (value.size() != 4) return false;
  if (!message.response_port) message.response_port = load16(value.data());
  return true;
}

bool read_error(Value value, Message& message) {
  if (value.size() < 4) return false;
  const unsigned hundreds = value[2] & 7U, rest = value[3];
  if (hundreds < 3 || hundreds > 6 || rest > 99) return false;
  if (!message.error) message.error = static_cast<std::uint16_t>(hundreds * 100 + rest);
  return true;
}

bool read_unknown(Value value, Message& message) {
  if (value.size() % 2 != 0) return false;
  if (!message.unknown.empty()) return true;
  for (std::size_t i = 0; i < value.size(); i += 2) message.unknown.push_back(load16(&value[i]));
  return true;
}

bool read_padding(Value value, Message& message) {
  if (!message.padding) message.padding = static_cast<std::uint16_t>(rounded(value.size()));
  return true;
}

bool read_attribute(std::uint16_t type, Value value, Message& message) {
  switch (type) {
    case kMappedAddress:
      return read_address(value, message.mapped);
    case kXorMappedAddress:
      return read_hidden_address(value, message.xor_mapped);
    case kResponseOrigin:
    case kOldResponseOrigin:
      return read_address(value, message.response_origin);
    case kOtherAddress:
    case kOldOtherAddress:
      return read_address(value, message.other_address);
    case kChangeRequest:
      return read_change(value, message);
    case kResponsePort:
      return read_response_port(value, message);
    case kErrorCode:
      return read_error(value, message);
    case kUnknownAttributes:
      return read_unknown(value, message);
    case kPadding:
      return read_padding(value, message);
    case kMessageIntegrity:
      return true;
    default:
      if (type < kFirstOptional) message.not_understood.push_back(type);
      return true;
  }
}

}  // namespace

std::vector<std::uint8_t> encode(const Message& message) {
  std::vector<std::uint8_t> octets(kHeader);
  std::copy(message.transaction.begin(), message.transaction.end(), octets.begin() + 8);
  Writer writer(octets);
  if (message.error) {
    std::uint8_t* const at = writer.add(kErrorCode, 4);
    at[2] = static_cast<std::uint8_t>(*message.error / 100);
    at[3] = static_cast<std::uint8_t>(*message.error % 100);
  }
  if (!message.unknown.empty()) {
    std::uint8_t* at = writer.add(kUnknownAttributes, 2 * message.unknown.size());
    for (const std::uint16_t type : message.unknown) {
      store16(at, type);
      at += 2;
    }
  }
  writer.add(kMappedAddress, message.mapped);
  if (message.xor_mapped) writer.add(kXorMappedAddress, std::optional(exclusive_or(*message.xor_mapped)));
  writer.add(kResponseOrigin, message.response_origin);
  writer.add(kOtherAddress, message.other_address);
  if (message.change) {
    store32(writer.add(kChangeRequest, 4),
            (message.change->address ? kChangeAddressBit : 0) | (message.change->port ? kChangePortBit : 0));
  }
  if (message.response_port) store16(writer.add(kResponsePort, 4), *message.response_port);
  if (message.padding) writer.add(kPadding, *message.padding);
  store16(octets.data(), kTypes[static_cast<std::size_t>(message.kind)]);
  store16(&octets[2], static_cast<std::uint16_t>(octets.size() - kHeader));
  store32(&octets[4], kCookie);
  return octets;
}

std::optional<std::size_t> framed_size(std::span<const std::uint8_t> octets) {
  if (octets.size() < kHeader || load32(&octets[4]) != kCookie) return std::nullopt;
  if (std::find(std::begin(kTypes), std::end(kTypes), load16(octets.data())) == std::end(kTypes))
    return std::nullopt;
  const std::size_t size = kHeader + load16(&octets[2]);
  if (size % 4 != 0 || size > kLongest) return std::nullopt;
  return size;
}

std::optional<Message> parse(std::span<const std::uint8_t> octets) {
  if (framed_size(octets) != octets.size()) return std::nullopt;
  Message message;
  const auto* const type = std::find(std::begin(kTypes), std::end(kTypes), load16(octets.data()));
  message.kind = static_cast<Class>(type - std::begin(kTypes));
  std::copy_n(octets.begin() + 8, message.transaction.size(), message.transaction.begin());
  for (Value rest = octets.subspan(kHeader); !rest.empty();) {
    // Never fewer than four octets: the message and every attribute are multiples of four.
    const std::uint16_t attribute = load16(rest.data());
    const std::size_t size = load16(&rest[2]), whole = kAttributeHeader + rounded(size);
    if (whole > rest.size()) return std::nullopt;
    if (!read_attribute(attribute, rest.subspan(kAttributeHeader, size), message)) return std::nullopt;
    rest = rest.subspan(whole);
  }
  return message;
}

}  // namespace nat::check::stun
