#include "tests/traversal/message.h"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

namespace nat::traversal {
namespace {

const Endpoint kExternal{Address(203, 0, 113, 11), 62000};
const Endpoint kInternal{Address(10, 0, 0, 1), 4321};

Message every_field() {
  Message message;
  message.kind = Kind::notice;
  message.stage = Stage::done;
  message.nonce = 0x0123456789abcdef;
  message.cookie = 0xfedcba9876543210;
  message.from = "a.b-c_1234Zz";
  message.to = "b";
  message.external = kExternal;
  message.internal = kInternal;
  return message;
}

TEST(Message, EveryFieldSurvivesTheWire) {
  Message parsed;
  ASSERT_TRUE(parse(encode(every_field()), parsed));
  EXPECT_EQ(parsed, every_field());
}

TEST(Message, IsLaidOutAsDocumented) {
  const Octets octets = encode(every_field());
  const std::uint8_t opening[] = {'N',  'A',  'T',  'P',  1,    8,    3,    0,    0x01, 0x23,
                                  0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0xfe, 0xdc, 0xba};
  EXPECT_TRUE(std::equal(std::begin(opening), std::end(opening), octets.begin()));
  const std::uint8_t to[] = {'b', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  EXPECT_TRUE(std::equal(std::begin(to), std::end(to), octets.begin() + 36));
  // ~203 ~0 ~113 ~11, ~62000 = 0x0dcf; ~10 ~0 ~0 ~1, ~4321 = 0xef1e
  const std::uint8_t endpoints[] = {52,  255, 142,  244,  0x0d, 0xcf, 245, 255,
                                    255, 254, 0xef, 0x1e, 0,    0,    0,   0};
  EXPECT_TRUE(std::equal(std::begin(endpoints), std::end(endpoints), octets.begin() + 48));
}

TEST(Message, OnlyOneSizeIsAMessage) {
  const Octets octets = encode(every_field());
  Message parsed;
  for (std::size_t size = 0; size < octets.size(); ++size) {
    EXPECT_FALSE(parse(std::span(octets).first(size), parsed)) << size;
  }
  std::vector<std::uint8_t> longer(octets.begin(), octets.end());
  longer.push_back(0);
  EXPECT_FALSE(parse(longer, parsed));
}

TEST(Message, OnlyKnownValuesAreWellFormed) {
  struct Spoilt {
    std::size_t at;
    std::uint8_t value;
    const char* what;
  };
  for (const auto& [at, value, what] :
       {Spoilt{0, 'n', "magic"}, Spoilt{4, 2, "version"}, Spoilt{5, 0, "kind below"},
        Spoilt{5, 9, "kind above"}, Spoilt{6, 4, "stage"}, Spoilt{7, 1, "first padding"},
        Spoilt{24, 0, "a name that begins with zero"}, Spoilt{25, 0, "a name that goes on after zero"},
        Spoilt{30, ' ', "a name with a space"}, Spoilt{35, 0xff, "a name that is no text"},
        Spoilt{36, 0, "no name"}, Spoilt{37, '/', "a path for a name"}, Spoilt{47, 'x', "a name after zeros"},
        Spoilt{60, 1, "padding"}, Spoilt{63, 1, "padding"}}) {
    Octets octets = encode(every_field());
    octets[at] = value;
    Message parsed = every_field();
    parsed.nonce = 1;
    const Message before = parsed;
    EXPECT_FALSE(parse(octets, parsed)) << what;
    EXPECT_EQ(parsed, before) << what << ": a refused message leaves no trace";
  }
}

TEST(Message, NamesAreShortAndPlain) {
  for (const char* name : {"a", "123456789012", "A-b_c.d"}) EXPECT_TRUE(is_name(name)) << name;
  for (const char* name : {"", "1234567890123", "a b", "a\n", "\xc3\xa4"})
    EXPECT_FALSE(is_name(name)) << name;
}

}  // namespace
}  // namespace nat::traversal
