// External addresses that the operator adds to the pool (pool.address) and the interface does not have yet:
// natd puts them on it, so that the network finds them there, and takes them off again when it ends.
#pragma once

#include <set>
#include <span>
#include <string>

#include "translation/net/address.h"

namespace nat {

class Journal;

// The IPv4 addresses of an interface; none when there is no such interface. Throws std::runtime_error.
std::set<Address> addresses_of(const std::string& interface);

// Throws std::runtime_error when an address cannot be added.
void claim_addresses(Journal& journal, const std::string& interface, std::span<const Address> addresses);

}  // namespace nat
