#include "tests/natcheck/stun/message.h"

#include <string_view>

#include <gtest/gtest.h>

namespace nat::check::stun {
namespace {

using Octets = std::vector<std::uint8_t>;

const Endpoint kExternal{Address(192, 0, 2, 1), 32853};
const Transaction kTransaction = {0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae};

// "01 ab" as octets.
Octets hex(std::string_view text) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  Octets octets;
  for (std::size_t i = 0; i + 1 < text.size(); i += text[i] == ' ' ? 1 : 2) {
    if (text[i] != ' ') octets.push_back(static_cast<std::uint8_t>(digit(text[i]) << 4 | digit(text[i + 1])));
  }
  return octets;
}

// A message of this type and these attributes, both in hexadecimal.
Octets binding(std::string_view type, std::string_view attributes) {
  Octets octets = hex(type);
  const Octets body = hex(attributes);
  octets.push_back(static_cast<std::uint8_t>(body.size() >> 8));
  octets.push_back(static_cast<std::uint8_t>(body.size()));
  const Octets rest = hex("21 12 a4 42 b7 e7 a7 01 bc 34 d6 86 fa 87 df ae");
  octets.insert(octets.end(), rest.begin(), rest.end());
  octets.insert(octets.end(), body.begin(), body.end());
  return octets;
}

// RFC 5769 section 2.2: SOFTWARE with a space as padding, the port 32853 and the address 192.0.2.1 hidden,
// MESSAGE-INTEGRITY and FINGERPRINT.
TEST(StunMessage, ReadsTheResponseOfTheTestVectors) {
  const auto message =
      parse(hex("01 01 00 3c 21 12 a4 42 b7 e7 a7 01 bc 34 d6 86 fa 87 df ae 80 22 00 0b 74 65 73 74 20 76 "
                "65 63 74 6f 72 20"
                " 00 20 00 08 00 01 a1 47 e1 12 a6 43 00 08 00 14 2b 91 f5 99 fd 9e 90 c3 8c 74 89 f9 2a f9 "
                "ba 53 f0 6b e7 d7"
                " 80 28 00 04 c0 7d 4c 96"));
  ASSERT_TRUE(message);
  EXPECT_EQ(message->kind, Class::success);
  EXPECT_EQ(message->transaction, kTransaction);
  EXPECT_EQ(message->xor_mapped, kExternal);
  EXPECT_EQ(message->mapped, std::nullopt);
  EXPECT_TRUE(message->not_understood.empty());
}

// 0x4: change the address, 0x2: change the port (RFC 5780 section 7.2).
TEST(StunMessage, WritesARequestAsLaidOut) {
  Message message;
  message.transaction = kTransaction;
  EXPECT_EQ(encode(message), binding("0001", ""));
  message.change = Change{true, true};
  EXPECT_EQ(encode(message), binding("0001", "0003 0004 00000006"));
  message.change = Change{false, true};
  EXPECT_EQ(encode(message), binding("0001", "0003 0004 00000002"));
  message.change = Change{true, false};
  EXPECT_EQ(encode(message), binding("0001", "0003 0004 00000004"));
  message.change.reset();
  message.response_port = 4321;  // 0x10e1, and two octets of zero (section 7.5)
  EXPECT_EQ(encode(message), binding("0001", "0027 0004 10e1 0000"));
  message.response_port.reset();
  message.padding = 8;
  EXPECT_EQ(encode(message), binding("0001", "0026 0008 0000000000000000"));
}

// 192.0.2.31:3478 is c000021f 0d96, .34:3479 is c0000222 0d97; 32853 is 8055. Hidden: 8055 ^ 2112 = a147,
// c0000201 ^ 2112a442 = e112a643.
TEST(StunMessage, WritesAResponseAsLaidOut) {
  Message message;
  message.kind = Class::success;
  message.transaction = kTransaction;
  message.mapped = message.xor_mapped = kExternal;
  message.response_origin = Endpoint{Address(192, 0, 2, 31), 3478};
  message.other_address = Endpoint{Address(192, 0, 2, 34), 3479};
  EXPECT_EQ(encode(message), binding("0101",
                                     "0001 0008 0001 8055 c0000201"
                                     "0020 0008 0001 a147 e112a643"
                                     "802b 0008 0001 0d96 c000021f"
                                     "802c 0008 0001 0d97 c0000222"));
}

// Error 420 is class 4, number 20; the list of two attributes needs no padding, that of one does.
TEST(StunMessage, WritesAnErrorAsLaidOut) {
  Message message;
  message.kind = Class::error;
  message.transaction = kTransaction;
  message.error = 420;
  message.unknown = {kChangeRequest};
  EXPECT_EQ(encode(message), binding("0111", "0009 0004 00000414 000a 0002 0003 0000"));
  message.unknown = {kChangeRequest, kPadding};
  EXPECT_EQ(encode(message), binding("0111", "0009 0004 00000414 000a 0004 0003 0026"));
}

TEST(StunMessage, EveryFieldSurvivesTheWire) {
  Message message;
  message.kind = Class::indication;
  message.transaction = kTransaction;
  message.mapped = message.xor_mapped = kExternal;
  message.response_origin = Endpoint{Address(192, 0, 2, 31), 3478};
  message.other_address = Endpoint{Address(192, 0, 2, 34), 3479};
  message.change = Change{true, false};
  message.response_port = 65535;
  message.padding = 1500;
  message.error = 699;
  message.unknown = {1, 2, 3};
  EXPECT_EQ(parse(encode(message)), message);
}

// D-15: RFC 5780 gives OTHER-ADDRESS a number of its own, and says that it is that of RFC 3489.
TEST(StunMessage, ReadsTheNamesOfOldServers) {
  const auto message = parse(binding("0101", "0004 0008 0001 0d96 c000021f 0005 0008 0001 0d97 c0000222"));
  ASSERT_TRUE(message);
  EXPECT_EQ(message->response_origin, (Endpoint{Address(192, 0, 2, 31), 3478}));
  EXPECT_EQ(message->other_address, (Endpoint{Address(192, 0, 2, 34), 3479}));
}

TEST(StunMessage, OfTwoAttributesOfATypeTheFirstCounts) {
  const auto message = parse(binding("0101",
                                     "0020 0008 0001 a147 e112a643 0020 0008 0001 ffff ffffffff"
                                     "0027 0004 10e1 0000 0027 0004 0001 0000"));
  ASSERT_TRUE(message);
  EXPECT_EQ(message->xor_mapped, kExternal);
  EXPECT_EQ(message->response_port, 4321);
}

TEST(StunMessage, NamesWhatItMustUnderstandAndDoesNot) {
  const auto message = parse(binding("0001", "0002 0008 0001 0d96 c000021f 7fff 0000 8000 0000"));
  ASSERT_TRUE(message);
  EXPECT_EQ(message->not_understood, (std::vector<std::uint16_t>{0x0002, 0x7fff}));
}

TEST(StunMessage, IPv6EndpointsAreNobodys) {
  const auto message = parse(binding("0101", "0020 0014 0002 a147 00000000 00000000 00000000 00000000"));
  ASSERT_TRUE(message);
  EXPECT_EQ(message->xor_mapped, std::nullopt);
}

TEST(StunMessage, RefusesWhatIsMalformed) {
  struct Spoilt {
    const char* what;
    Octets octets;
  };
  const Octets good = binding("0001", "0003 0004 00000006");
  ASSERT_TRUE(parse(good));
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(parse(std::span(good).first(size))) << "cut off at " << size;
  }
  Octets longer = good, cookie = good;
  longer.push_back(0);
  cookie[7] ^= 1;
  for (const auto& [what, octets] :
       {Spoilt{"an octet too many", longer}, Spoilt{"another cookie", cookie},
        Spoilt{"another method", binding("0003", "")},
        Spoilt{"two bits that must be zero", binding("8001", "")},
        Spoilt{"a length that is no multiple of four", binding("0001", "0003 00")},
        Spoilt{"an attribute beyond the end", binding("0001", "0003 0008 00000006")},
        Spoilt{"an attribute whose padding is missing", binding("0001", "8022 0005 61616161")},
        Spoilt{"an address that is too short", binding("0101", "0001 0004 0001 0d96")},
        Spoilt{"an address that is too long", binding("0101", "0001 000c 0001 0d96 c000021f 00000000")},
        Spoilt{"an address of no family", binding("0101", "0001 0008 0003 0d96 c000021f")},
        Spoilt{"an IPv6 address of four octets", binding("0101", "0001 0008 0002 0d96 c000021f")},
        Spoilt{"a change of eight octets", binding("0001", "0003 0008 00000000 00000006")},
        Spoilt{"a response port of two octets", binding("0001", "0027 0002 10e1 0000")},
        Spoilt{"an error of class 7", binding("0111", "0009 0004 00000700")},
        Spoilt{"an error of number 100", binding("0111", "0009 0004 00000464")},
        Spoilt{"half an unknown attribute", binding("0111", "000a 0003 0003 00 00")}}) {
    EXPECT_FALSE(parse(octets)) << what;
  }
}

TEST(StunMessage, IsBounded) {
  Message message;
  message.padding = kLongest - kHeader - 4;
  EXPECT_EQ(parse(encode(message)), message);
  message.padding = kLongest - kHeader;
  EXPECT_FALSE(parse(encode(message)));
}

TEST(StunMessage, TellsAStreamWhereItEnds) {
  const Octets octets = binding("0001", "0003 0004 00000006");
  EXPECT_EQ(framed_size(octets), 28U);
  EXPECT_EQ(framed_size(std::span(octets).first(kHeader)), 28U);
  EXPECT_EQ(framed_size(std::span(octets).first(kHeader - 1)), std::nullopt);
  EXPECT_EQ(framed_size(hex("47 45 54 20 2f 20 48 54 54 50 2f 31 2e 30 0d 0a 0d 0a 0d 0a")), std::nullopt);
}

}  // namespace
}  // namespace nat::check::stun
