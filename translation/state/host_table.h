// The internal hosts that have mappings, and what each of them uses: quotas count here (RFC 6888 REQ-4).
#pragma once

#include <cstdint>

#include "filtering/quotas.h"
#include "translation/base/hash_index.h"
#include "translation/base/siphash.h"
#include "translation/base/slab.h"
#include "translation/base/timer_wheel.h"
#include "translation/net/address.h"

namespace nat {

struct HostRecord {
  Address address;
  Address external;              // where its mappings are; unspecified before the first
  std::uint32_t mappings;        // live ones
  std::uint32_t mappings_of[3];  // of them, by index_of(protocol)
  std::uint32_t sessions;        // live ones
  std::uint32_t unconfirmed;     // of them, those made by inbound packets only
  std::uint32_t records;         // of mappings, live or ended: the host stays as long as one refers to it
  std::uint32_t fixed;           // of these, those of configured and leased mappings
  CreationDebt debt;

  HostUsage usage(Protocol protocol) const { return {mappings, mappings_of[index_of(protocol)], sessions}; }
};

class HostTable {
 public:
  HostTable(std::uint32_t capacity, const HashSecret& secret)
      : hosts_(capacity), index_(capacity), secret_(secret) {}

  std::uint32_t find(Address address) const {
    return index_.find(hash(address),
                       [&](std::uint32_t number) { return hosts_[number].address == address; });
  }
  // kNone when the table is full.
  std::uint32_t insert(Address address) {
    const std::uint32_t number = hosts_.take();
    if (number == kNone) return kNone;
    hosts_[number] = {};
    hosts_[number].address = address;
    index_.insert(hash(address), number);
    return number;
  }
  void erase(std::uint32_t number) {
    index_.erase(hash(hosts_[number].address), number);
    hosts_.give_back(number);
  }

  HostRecord& operator[](std::uint32_t number) { return hosts_[number]; }
  const HostRecord& operator[](std::uint32_t number) const { return hosts_[number]; }
  std::uint32_t used() const { return hosts_.used(); }
  std::uint32_t high_water() const { return hosts_.high_water(); }
  bool full() const { return hosts_.used() == hosts_.capacity(); }

 private:
  std::uint64_t hash(Address address) const { return siphash13(secret_, address.value(), 0x686f7374); }

  Slab<HostRecord> hosts_;
  HashIndex index_;
  HashSecret secret_;
};

}  // namespace nat
