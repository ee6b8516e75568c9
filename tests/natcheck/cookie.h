// Proof that a client receives at the address it sends from: a keyed hash of its endpoint and run, given out
// in each pong, demanded back before a server has another contact that endpoint. Servers keep nothing for
// it.
#pragma once

#include "tests/natcheck/message.h"
#include "translation/base/siphash.h"

namespace nat::check {

class CookieJar {
 public:
  explicit CookieJar(const HashSecret& secret) : secret_(secret) {}

  std::uint64_t cookie(const Endpoint& client, std::uint64_t run) const {
    return siphash13(secret_, run, std::uint64_t{client.address.value()} << 16 | client.port);
  }

 private:
  HashSecret secret_;
};

}  // namespace nat::check
