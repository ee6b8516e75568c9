#include "translation/state/mapping_table.h"

namespace nat {

std::uint32_t MappingTable::find_internal(Protocol protocol, Endpoint internal, Behavior behavior,
                                          Endpoint remote) const {
  const auto find = [&](Endpoint trimmed, auto&& accepts) {
    return by_internal_.find(hash(protocol, internal, trimmed), [&](std::uint32_t number) {
      const Mapping& m = mappings_[number];
      return m.internal == internal && m.remote == trimmed && m.protocol == protocol && accepts(m);
    });
  };
  const std::uint32_t fixed = find(Endpoint{}, [](const Mapping& m) { return m.origin != Origin::dynamic; });
  if (fixed != kNone) return fixed;
  return find(trim(behavior, remote), [&](const Mapping& m) { return m.behavior == behavior; });
}

std::uint32_t MappingTable::find_external(Protocol protocol, Endpoint external) const {
  return by_external_.find(hash(protocol, external, {}), [&](std::uint32_t number) {
    return mappings_[number].external == external && mappings_[number].protocol == protocol;
  });
}

std::uint32_t MappingTable::insert(const Mapping& mapping) {
  const std::uint32_t number = mappings_.take();
  if (number == kNone) return kNone;
  mappings_[number] = mapping;
  by_internal_.insert(hash(mapping.protocol, mapping.internal, mapping.remote), number);
  if (!mapping.shares) by_external_.insert(hash(mapping.protocol, mapping.external, {}), number);
  return number;
}

void MappingTable::unlink(std::uint32_t number) {
  const Mapping& mapping = mappings_[number];
  by_internal_.erase(hash(mapping.protocol, mapping.internal, mapping.remote), number);
  if (!mapping.shares) by_external_.erase(hash(mapping.protocol, mapping.external, {}), number);
}

}  // namespace nat
