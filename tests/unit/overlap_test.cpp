#include "natd/system/overlap.h"

#include <gtest/gtest.h>

namespace nat {
namespace {

Links links(std::vector<Prefix> internal, std::vector<Prefix> external, std::vector<Address> pool = {}) {
  Links links;
  links.internal = "lan0";
  links.external = "wan0";
  links.internal_networks = std::move(internal);
  links.external_networks = std::move(external);
  links.external_addresses = std::move(pool);
  return links;
}

Prefix prefix(const char* text) { return *Prefix::parse(text); }

TEST(Overlap, IsNoneBetweenNetworksApart) {
  EXPECT_TRUE(overlap_warnings(links({prefix("10.0.0.0/24")}, {prefix("203.0.113.0/24")})).empty());
  EXPECT_TRUE(overlap_warnings(links({prefix("10.0.0.0/24")}, {prefix("10.0.1.0/24")})).empty());
  EXPECT_TRUE(overlap_warnings(links({}, {prefix("10.0.0.0/24")})).empty());
}

// The same network on both sides, one within the other either way, and an address alone.
// Rows: U7
TEST(Overlap, IsToldWithBothNetworks) {
  for (const auto& [internal, external] :
       {std::pair("192.168.1.0/24", "192.168.1.0/24"), std::pair("192.168.1.0/24", "192.168.0.0/16"),
        std::pair("10.0.0.0/8", "10.1.2.0/24")}) {
    const auto warnings = overlap_warnings(links({prefix(internal)}, {prefix(external)}));
    ASSERT_EQ(warnings.size(), 1U);
    EXPECT_EQ(warnings[0].find(std::string(internal) + " of lan0 and " + external + " of wan0 overlap"), 0U);
  }
}

// Rows: U7
TEST(Overlap, IsToldOfAnAddressOfThePoolAlone) {
  const auto warnings = overlap_warnings(links({prefix("10.0.0.0/24")}, {prefix("203.0.113.0/24")},
                                               {Address(203, 0, 113, 11), Address(10, 0, 0, 77)}));
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_NE(warnings[0].find("10.0.0.77/32 of wan0"), std::string::npos);
}

}  // namespace
}  // namespace nat
