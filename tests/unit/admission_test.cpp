#include "filtering/admission.h"

#include <gtest/gtest.h>

namespace nat {
namespace {

Prefix network(const char* text) { return *Prefix::parse(text); }

TEST(Admission, WithoutNetworksEverybodyIsInternal) {
  EXPECT_TRUE(Admission().admits(Address(8, 8, 8, 8)));
  EXPECT_TRUE(Admission().admits(Address(255, 255, 255, 255)));
}

TEST(Admission, ANetworkIsInternalFromItsFirstAddressToItsLast) {
  const Admission one({network("10.0.0.64/26")});
  EXPECT_FALSE(one.admits(Address(10, 0, 0, 63)));
  EXPECT_TRUE(one.admits(Address(10, 0, 0, 64)));
  EXPECT_TRUE(one.admits(Address(10, 0, 0, 127)));
  EXPECT_FALSE(one.admits(Address(10, 0, 0, 128)));
  const Admission host({network("10.0.0.64")});
  EXPECT_TRUE(host.admits(Address(10, 0, 0, 64)));
  EXPECT_FALSE(host.admits(Address(10, 0, 0, 65)));
  EXPECT_FALSE(host.admits(Address(10, 0, 0, 63)));
}

TEST(Admission, NetworksMayOverlapAndComeInAnyOrder) {
  const Admission some({network("192.168.3.0/24"), network("10.1.2.0/24"), network("10.0.0.0/8"),
                        network("10.200.0.0/16"), network("192.168.1.0/24")});
  for (const Address inside : {Address(10, 0, 0, 0), Address(10, 1, 3, 1), Address(10, 255, 255, 255),
                               Address(192, 168, 1, 0), Address(192, 168, 3, 255)}) {
    EXPECT_TRUE(some.admits(inside)) << inside.to_string();
  }
  for (const Address outside : {Address(9, 255, 255, 255), Address(11, 0, 0, 0), Address(192, 168, 0, 255),
                                Address(192, 168, 2, 7), Address(192, 168, 4, 0), Address(0, 0, 0, 1)}) {
    EXPECT_FALSE(some.admits(outside)) << outside.to_string();
  }
}

TEST(Admission, TheWholeInternetAndItsLastHalf) {
  EXPECT_TRUE(Admission({network("0.0.0.0/0"), network("10.0.0.0/8")}).admits(Address(255, 255, 255, 255)));
  const Admission half({network("128.0.0.0/1")});
  EXPECT_TRUE(half.admits(Address(255, 255, 255, 255)));
  EXPECT_FALSE(half.admits(Address(127, 255, 255, 255)));
}

}  // namespace
}  // namespace nat
