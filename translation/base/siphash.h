// SipHash-1-3 of two 64-bit words: the hash of every table that remote hosts can put keys into, so that none
// that does not know the secret can pile keys into one bucket. (Aumasson and Bernstein, "SipHash: a fast
// short-input PRF", 2012; one compression and three finalisation rounds, as hash tables commonly use it.)
#pragma once

#include <bit>
#include <cstdint>

namespace nat {

struct HashSecret {
  std::uint64_t k0 = 0;
  std::uint64_t k1 = 0;
};

inline std::uint64_t siphash13(const HashSecret& secret, std::uint64_t first, std::uint64_t second) {
  std::uint64_t v0 = secret.k0 ^ 0x736f6d6570736575;
  std::uint64_t v1 = secret.k1 ^ 0x646f72616e646f6d;
  std::uint64_t v2 = secret.k0 ^ 0x6c7967656e657261;
  std::uint64_t v3 = secret.k1 ^ 0x7465646279746573;
  const auto round = [&] {
    v0 += v1, v1 = std::rotl(v1, 13), v1 ^= v0, v0 = std::rotl(v0, 32);
    v2 += v3, v3 = std::rotl(v3, 16), v3 ^= v2;
    v0 += v3, v3 = std::rotl(v3, 21), v3 ^= v0;
    v2 += v1, v1 = std::rotl(v1, 17), v1 ^= v2, v2 = std::rotl(v2, 32);
  };
  const auto absorb = [&](std::uint64_t word) {
    v3 ^= word;
    round();
    v0 ^= word;
  };
  absorb(first);
  absorb(second);
  absorb(std::uint64_t{16} << 56);
  v2 ^= 0xff;
  round();
  round();
  round();
  return v0 ^ v1 ^ v2 ^ v3;
}

}  // namespace nat
