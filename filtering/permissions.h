// Which remote addresses a mapping has contacted: what address-dependent filtering asks (RFC 4787 section 5).
//
// Counted, not listed: every session that has sent something outbound adds its remote address once, and takes
// it back when it is forgotten. Kept up to date under every filtering behaviour, so that the behaviour can
// change while traffic flows.
#pragma once

#include <cstdint>

#include "translation/base/hash_index.h"
#include "translation/base/siphash.h"
#include "translation/base/slab.h"
#include "translation/net/address.h"

namespace nat {

class Permissions {
 public:
  // For at most `capacity` pairs of mapping and address.
  Permissions(std::uint32_t capacity, const HashSecret& secret)
      : records_(capacity), index_(capacity), secret_(secret) {}

  void add(std::uint32_t mapping, Address remote) {
    std::uint32_t number = find(mapping, remote);
    if (number == kNone) {
      number = records_.take();
      records_[number] = {mapping, remote, 0};
      index_.insert(hash(mapping, remote), number);
    }
    ++records_[number].count;
  }

  // The pair must have been added.
  void remove(std::uint32_t mapping, Address remote) {
    const std::uint32_t number = find(mapping, remote);
    if (--records_[number].count > 0) return;
    index_.erase(hash(mapping, remote), number);
    records_.give_back(number);
  }

  bool contains(std::uint32_t mapping, Address remote) const { return find(mapping, remote) != kNone; }
  std::uint32_t used() const { return records_.used(); }

 private:
  struct Record {
    std::uint32_t mapping;
    Address remote;
    std::uint32_t count;
  };

  std::uint64_t hash(std::uint32_t mapping, Address remote) const {
    return siphash13(secret_, mapping, remote.value());
  }
  std::uint32_t find(std::uint32_t mapping, Address remote) const {
    return index_.find(hash(mapping, remote), [&](std::uint32_t number) {
      return records_[number].mapping == mapping && records_[number].remote == remote;
    });
  }

  Slab<Record> records_;
  HashIndex index_;
  HashSecret secret_;
};

}  // namespace nat
