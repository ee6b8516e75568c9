#include "tests/traversal/book.h"

#include <gtest/gtest.h>

namespace nat::traversal {
namespace {

constexpr Protocol kUdp = Protocol::udp;

Visitor visitor(const std::string& name, const std::string& wanted, std::uint64_t run, std::uint16_t port) {
  Visitor made;
  made.name = name;
  made.wanted = wanted;
  made.run = run;
  made.external = {Address(203, 0, 113, 11), port};
  made.internal = {Address(10, 0, 0, 1), port};
  return made;
}

class BookTest : public ::testing::Test {
 protected:
  const Visitor* enter(const Visitor& who) { return book.enter(who, now); }
  std::uint64_t nonce(const Visitor& who) {
    const Visitor* const found = book.find(kUdp, who.name, who.external);
    return found ? found->nonce : 0;
  }

  std::uint64_t drawn = 0;  // 0 is the first number drawn, and is none
  Book book{[this] { return drawn++; }};
  TimePoint now{};
  const Visitor a = visitor("a", "b", 1, 1000), b = visitor("b", "a", 2, 2000);
};

TEST_F(BookTest, OnlyThoseWhoWantEachOtherArePairs) {
  const Visitor* const first = enter(a);
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(book.partner(*first), nullptr);
  enter(visitor("c", "a", 3, 3000));
  EXPECT_EQ(nonce(a), 0u) << "c wants a, a does not want c";
  const Visitor* const second = enter(b);
  ASSERT_NE(book.partner(*second), nullptr);
  EXPECT_EQ(book.partner(*second)->name, "a");
  EXPECT_EQ(book.partner(*book.partner(*second)), second);
}

TEST_F(BookTest, APairSharesANonceThatIsNotZero) {
  enter(a), enter(b);
  EXPECT_NE(nonce(a), 0u);
  EXPECT_EQ(nonce(a), nonce(b));
  const std::uint64_t before = nonce(a);
  enter(a), enter(b);
  EXPECT_EQ(nonce(a), before) << "joining again changes nothing";
}

TEST_F(BookTest, WhoMovesIsIntroducedAnew) {
  enter(a), enter(b);
  const std::uint64_t before = nonce(a);
  const Visitor moved = visitor("a", "b", 1, 1001);
  enter(moved);
  EXPECT_NE(nonce(moved), 0u);
  EXPECT_NE(nonce(moved), before);
  EXPECT_EQ(nonce(moved), nonce(b));
  EXPECT_EQ(book.find(kUdp, "a", a.external), nullptr);
}

TEST_F(BookTest, ANameBelongsToOneRunUntilItLeavesOrFallsSilent) {
  enter(a), enter(b);
  const Visitor other = visitor("a", "b", 9, 1500);
  EXPECT_EQ(enter(other), nullptr);
  EXPECT_NE(nonce(a), 0u) << "the owner is not disturbed";
  book.remove(kUdp, "a");
  EXPECT_EQ(nonce(b), 0u) << "no partner is left";
  EXPECT_NE(enter(other), nullptr);
  now += Book::kSilence;
  book.expire(now);
  EXPECT_EQ(book.size(), 2u);
  enter(b);
  now += milliseconds(1);
  book.expire(now);
  EXPECT_EQ(book.size(), 1u);
  EXPECT_EQ(nonce(b), 0u);
  EXPECT_NE(enter(a), nullptr);
}

TEST_F(BookTest, NobodyMeetsHimselfOrAnotherProtocol) {
  enter(visitor("a", "a", 1, 1000));
  EXPECT_EQ(book.partner(*book.find(kUdp, "a", a.external)), nullptr);
  Visitor stream = b;
  stream.protocol = Protocol::tcp;
  enter(visitor("x", "b", 4, 4000));
  stream.wanted = "x";
  EXPECT_EQ(book.partner(*enter(stream)), nullptr);
}

TEST_F(BookTest, IsBounded) {
  for (std::size_t i = 0; i < Book::kVisitors; ++i) {
    ASSERT_NE(enter(visitor("n" + std::to_string(i), "b", 1, 1000)), nullptr);
  }
  EXPECT_EQ(enter(b), nullptr);
  EXPECT_NE(enter(visitor("n0", "b", 1, 1000)), nullptr) << "those who are in stay in";
}

}  // namespace
}  // namespace nat::traversal
