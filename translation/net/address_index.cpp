#include "translation/net/address_index.h"

#include <bit>

namespace nat {

AddressIndex::AddressIndex(std::span<const Address> addresses) {
  const std::size_t size = std::bit_ceil(4 * addresses.size() + 2);
  shift_ = static_cast<unsigned>(32 - std::countr_zero(size));
  keys_.resize(size);
  places_.resize(size);
  for (std::size_t place = 0; place < addresses.size(); ++place) {
    const std::uint32_t slot = slot_of(addresses[place]);
    if (keys_[slot] != 0) continue;
    keys_[slot] = addresses[place].value();
    places_[slot] = static_cast<std::uint16_t>(place);
  }
}

}  // namespace nat
