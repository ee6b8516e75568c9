#include "translation/net/checksum.h"

#include <gtest/gtest.h>

#include "tests/support/checksums.h"
#include "translation/base/random.h"
#include "translation/net/wire.h"

namespace nat::test {
namespace {

// The example of RFC 1624 section 4, which the older formula gets wrong (it says 0xffff).
// Rows: CK1
TEST(Checksum, UpdatesToZeroAsRfc1624Shows) {
  EXPECT_EQ(ChecksumDelta().change16(0x5555, 0x3285).apply(0xdd2f), 0x0000);
}

// A million words changed at random, against the sum of everything.
// Rows: CK1
TEST(Checksum, AgreesWithTheSumOfEverything) {
  SeededRandom random(7);
  Octets packet(64);
  for (auto& octet : packet) octet = static_cast<std::uint8_t>(random.next());
  store16(packet.data(), 0);
  store16(packet.data(), static_cast<std::uint16_t>(~plain_sum(packet.data(), packet.size())));
  for (int i = 0; i < 1000000; ++i) {
    const std::size_t at = 2 + 2 * random.below(31);
    const auto to = static_cast<std::uint16_t>(random.next());
    const std::uint16_t from = load16(packet.data() + at);
    store16(packet.data() + at, to);
    store16(packet.data(), ChecksumDelta().change16(from, to).apply(load16(packet.data())));
    ASSERT_EQ(plain_sum(packet.data(), packet.size()), 0xffff) << "after change " << i;
  }
}

TEST(Checksum, DeltasAddUp) {
  ChecksumDelta addresses, ports;
  addresses.change32(0x0a000001, 0xcb00710b);
  ports.change16(4321, 50000);
  const std::uint16_t one_by_one = ports.apply(addresses.apply(0x1234));
  EXPECT_EQ(addresses.add(ports).apply(0x1234), one_by_one);
}

TEST(Checksum, ChangingNothingChangesNothing) {
  for (std::uint32_t sum = 1; sum < 0xffff; ++sum) {
    const auto checksum = static_cast<std::uint16_t>(sum);
    ASSERT_EQ(ChecksumDelta().change16(0x1234, 0x1234).apply(checksum), checksum);
  }
}

// The field holds a plain sum that grows with the words it covers.
// Rows: CK8
TEST(Checksum, PartialSumFollowsThePseudoHeader) {
  Octets pseudo{10, 0, 0, 1, 192, 0, 2, 31, 0, 17, 0, 28};
  const std::uint16_t before = plain_sum(pseudo.data(), pseudo.size());
  ChecksumDelta delta;
  delta.change32(load32(pseudo.data()), 0xcb00710b);
  store32(pseudo.data(), 0xcb00710b);
  EXPECT_EQ(delta.apply_to_partial(before), plain_sum(pseudo.data(), pseudo.size()));
}

TEST(Checksum, OddLengthsArePaddedWithZero) {
  const Octets odd{0x12, 0x34, 0x56};
  EXPECT_EQ(internet_checksum(odd), static_cast<std::uint16_t>(~(0x1234 + 0x5600)));
  EXPECT_EQ(internet_checksum({}), 0xffff);
}

}  // namespace
}  // namespace nat::test
