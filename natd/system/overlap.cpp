#include "natd/system/overlap.h"

#include <algorithm>

namespace nat {
namespace {

bool overlap(const Prefix& one, const Prefix& other) {
  return one.contains(other.network()) || other.contains(one.network());
}

}  // namespace

std::vector<std::string> overlap_warnings(const Links& links) {
  std::vector<Prefix> outside = links.external_networks;
  for (const Address address : links.external_addresses) {
    // Further addresses of the pool may lie in no network.
    if (std::none_of(outside.begin(), outside.end(), [&](const Prefix& p) { return p.contains(address); })) {
      outside.emplace_back(address, 32);
    }
  }
  std::vector<std::string> warnings;
  for (const Prefix& internal : links.internal_networks) {
    for (const Prefix& external : outside) {
      if (!overlap(internal, external)) continue;
      warnings.push_back(
          internal.to_string() + " of " + links.internal + " and " + external.to_string() + " of " +
          links.external +
          " overlap: of the destinations that are in both, one side cannot be reached; renumber "
          "one of them");
    }
  }
  return warnings;
}

}  // namespace nat
