// STUN Binding messages (RFC 8489) with what RFC 5780 adds to find out how a gateway behaves. Pure: octets
// in, a message out, and back.
//
// Of the attributes that may be ignored, those that say nothing about the gateway are: SOFTWARE, FINGERPRINT
// and MESSAGE-INTEGRITY among them, as no host here has a password. The attributes of RFC 3489 that RFC 5780
// renamed are read where an old server sends them, and never written.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "translation/net/endpoint.h"

namespace nat::check::stun {

inline constexpr std::size_t kHeader = 20;
inline constexpr std::size_t kLongest =
    4096;  // of a message that is read; room for the padding of any usual MTU

enum class Class : std::uint8_t { request, indication, success, error };

using Transaction = std::array<std::uint8_t, 12>;

// CHANGE-REQUEST: from where the server should answer.
struct Change {
  bool address = false;
  bool port = false;
  bool operator==(const Change&) const = default;
};

inline constexpr std::uint16_t kMappedAddress = 0x0001, kChangeRequest = 0x0003, kOldResponseOrigin = 0x0004,
                               kOldOtherAddress = 0x0005, kMessageIntegrity = 0x0008, kErrorCode = 0x0009,
                               kUnknownAttributes = 0x000a, kXorMappedAddress = 0x0020, kPadding = 0x0026,
                               kResponsePort = 0x0027, kResponseOrigin = 0x802b, kOtherAddress = 0x802c;
inline constexpr std::uint16_t kFirstOptional = 0x8000;  // attributes from here on may be ignored

struct Message {
  Class kind = Class::request;
  Transaction transaction{};
  std::optional<Endpoint> mapped;           // in the clear
  std::optional<Endpoint> xor_mapped;       // hidden from rewriters of payloads
  std::optional<Endpoint> response_origin;  // whom the answer comes from
  std::optional<Endpoint> other_address;    // the server's other address and other port
  std::optional<Change> change;
  std::optional<std::uint16_t> response_port;
  std::optional<std::uint16_t> padding;  // its length; a multiple of four
  std::optional<std::uint16_t> error;    // 300 to 699
  std::vector<std::uint16_t> unknown;    // UNKNOWN-ATTRIBUTES, with error 420
  // Attributes that must be understood and are not; never written.
  std::vector<std::uint16_t> not_understood;

  bool operator==(const Message&) const = default;
};

std::vector<std::uint8_t> encode(const Message& message);

// Nothing unless the octets are exactly one well-formed Binding message of at most kLongest octets. Of an
// attribute that comes twice, the first counts.
std::optional<Message> parse(std::span<const std::uint8_t> octets);

// How long the message is that a stream goes on with, from its first kHeader octets; nothing if it is none.
std::optional<std::size_t> framed_size(std::span<const std::uint8_t> octets);

}  // namespace nat::check::stun
