#include "tests/natcheck/stun/inquirer.h"

#include <set>

#include <gtest/gtest.h>

namespace nat::check::stun {
namespace {

TEST(StunInquirer, DrawsNoPortTwice) {
  std::set<std::uint16_t> drawn;
  for (int i = 0; i < 5000; ++i) {
    const std::uint16_t port = random_fresh_port();
    EXPECT_GE(port, 32768);
    EXPECT_TRUE(drawn.insert(port).second) << port << " came twice";
  }
}

}  // namespace
}  // namespace nat::check::stun
