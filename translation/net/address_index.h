// Finds the place of an address in a list in the time of one look, however long the list is: asked of every
// packet whether an address is natd's own.
//
// A table of which at most a quarter is in use, made with the list and never changed. Which addresses stand
// in it the operator says and no packet, so that the hash needs no secret.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "translation/net/address.h"

namespace nat {

class AddressIndex {
 public:
  AddressIndex() : AddressIndex(std::span<const Address>()) {}
  // At most 65536 addresses; the unspecified one is never found. Of equal ones the first counts.
  explicit AddressIndex(std::span<const Address> addresses);

  bool contains(Address address) const {
    return keys_[slot_of(address)] == address.value() && known(address);
  }
  std::optional<std::uint16_t> place_of(Address address) const {
    const std::uint32_t slot = slot_of(address);
    if (keys_[slot] != address.value() || !known(address)) return std::nullopt;
    return places_[slot];
  }

 private:
  // An unspecified address looks like an empty slot.
  static bool known(Address address) { return address.value() != 0; }
  // Where the address is, or the empty slot where it would be.
  std::uint32_t slot_of(Address address) const {
    std::uint32_t slot = address.value() * 0x9e3779b1U >> shift_;
    while (keys_[slot] != address.value() && keys_[slot] != 0) slot = slot + 1 == keys_.size() ? 0 : slot + 1;
    return slot;
  }

  unsigned shift_;
  std::vector<std::uint32_t> keys_;  // 0 for an empty slot
  std::vector<std::uint16_t> places_;
};

}  // namespace nat
