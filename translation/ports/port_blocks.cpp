#include "translation/ports/port_blocks.h"

#include <algorithm>

namespace nat {

PortBlocks::Change PortBlocks::configure(const BlockPolicy& policy, std::span<const Address> addresses,
                                         const PortSet& reserved) {
  if (policy == policy_ && reserved == reserved_ && std::ranges::equal(addresses, addresses_)) return {};
  const std::vector<PortBlock> before = extras_given();
  const bool same = divide(policy, addresses.size(), reserved);
  addresses_.assign(addresses.begin(), addresses.end());
  places_ = AddressIndex(addresses_);
  holders_.assign(on() ? addresses_.size() : 0, {});
  for (auto& holders : holders_) holders.resize((usable_.size() - first_extra_) / policy_.extra_size);
  given_.clear();
  Change change{true, {}};
  for (const PortBlock& extra : before) {
    const auto kept = same ? extra_at(extra.external, extra.ports.first) : std::nullopt;
    if (kept) {
      give(*kept, extra.host);
    } else {
      change.ended.push_back(extra);
    }
  }
  return change;
}

// False when the blocks of an address are others than before.
bool PortBlocks::divide(const BlockPolicy& policy, std::size_t addresses, const PortSet& reserved) {
  const std::size_t per_address = policy.subscribers_on_each(addresses);
  const bool same = policy == policy_ && reserved == reserved_ && per_address == per_address_;
  policy_ = policy;
  reserved_ = reserved;
  per_address_ = per_address;
  usable_.clear();
  for (std::uint32_t port = kFirstBlockPort; per_address > 0 && port <= 65535; ++port) {
    if (!reserved[port]) usable_.push_back(static_cast<std::uint16_t>(port));
  }
  share_ = static_cast<std::uint16_t>(policy.ports_each(addresses, usable_.size()));
  first_extra_ = per_address_ * share_;
  return same;
}

std::vector<PortBlock> PortBlocks::extras_given() const {
  std::vector<PortBlock> extras;
  for (std::size_t place = 0; place < holders_.size(); ++place) {
    for (std::size_t number = 0; number < holders_[place].size(); ++number) {
      if (!holders_[place][number].unspecified()) extras.push_back(block_of({place, number}));
    }
  }
  return extras;
}

std::size_t PortBlocks::rank(std::uint16_t port) const {
  return static_cast<std::size_t>(std::lower_bound(usable_.begin(), usable_.end(), port) - usable_.begin());
}

PortBlock PortBlocks::block(std::size_t place, std::size_t first, std::size_t size) const {
  return {addresses_[place], {usable_[first], usable_[first + size - 1]}, false, {}};
}

PortBlock PortBlocks::block_of(Extra extra) const {
  const auto [place, number] = extra;
  PortBlock made = block(place, first_extra_ + number * policy_.extra_size, policy_.extra_size);
  made.extra = true;
  made.host = holders_[place][number];
  return made;
}

std::optional<PortBlock> PortBlocks::own(Address host) const {
  const auto& all = policy_.subscribers;
  const auto found = std::lower_bound(all.begin(), all.end(), host);
  if (!on() || share_ == 0 || found == all.end() || *found != host) return std::nullopt;
  const auto number = static_cast<std::size_t>(found - all.begin());
  PortBlock made = block(number / per_address_, number % per_address_ * share_, share_);
  made.host = host;
  return made;
}

std::optional<PortBlock> PortBlocks::at(Address external, std::uint16_t port) const {
  if (const auto extra = extra_at(external, port)) return block_of(*extra);
  const auto place = places_.place_of(external);
  const std::size_t its_rank = rank(port);
  if (!place || its_rank >= first_extra_ || usable_[its_rank] != port) return std::nullopt;
  const std::size_t number = std::size_t{*place} * per_address_ + its_rank / share_;
  if (number >= policy_.subscribers.size()) return std::nullopt;
  return own(policy_.subscribers[number]);
}

std::optional<PortBlocks::Extra> PortBlocks::extra_at(Address external, std::uint16_t port) const {
  const auto place = places_.place_of(external);
  const std::size_t its_rank = rank(port);
  if (!on() || !place || its_rank < first_extra_ || its_rank >= usable_.size() || usable_[its_rank] != port) {
    return std::nullopt;
  }
  const std::size_t number = (its_rank - first_extra_) / policy_.extra_size;
  if (number >= holders_[*place].size()) return std::nullopt;
  return Extra{*place, number};
}

std::vector<PortBlock> PortBlocks::extras_of(Address host) const {
  std::vector<PortBlock> blocks;
  const auto given = given_.find(host.value());
  if (given == given_.end()) return blocks;
  for (const Extra& extra : given->second) blocks.push_back(block_of(extra));
  return blocks;
}

std::vector<PortBlock> PortBlocks::extras_of(Address external, Address host) const {
  std::vector<PortBlock> blocks = extras_of(host);
  std::erase_if(blocks, [&](const PortBlock& block) { return block.external != external; });
  return blocks;
}

std::optional<PortBlocks::Extra> PortBlocks::spare(Address external, const Useful& useful) const {
  const auto place = places_.place_of(external);
  if (!on() || !place) return std::nullopt;
  for (std::size_t number = 0; number < holders_[*place].size(); ++number) {
    const Extra extra{*place, number};
    if (holders_[*place][number].unspecified() && useful(block_of(extra).ports)) return extra;
  }
  return std::nullopt;
}

bool PortBlocks::may_grow(Address external, Address host, const Useful& useful) const {
  const auto given = given_.find(host.value());
  const std::size_t held = given == given_.end() ? 0 : given->second.size();
  return held < policy_.extra_per_host && has_spare(external, useful);
}

std::optional<PortBlock> PortBlocks::grow(Address external, Address host, const Useful& useful) {
  if (!may_grow(external, host, useful)) return std::nullopt;
  const Extra extra = *spare(external, useful);
  give(extra, host);
  return block_of(extra);
}

void PortBlocks::give(Extra extra, Address host) {
  holders_[extra.first][extra.second] = host;
  auto& given = given_[host.value()];
  given.insert(std::lower_bound(given.begin(), given.end(), extra), extra);
}

bool PortBlocks::claim(Address external, std::uint16_t first, Address host) {
  const auto extra = extra_at(external, first);
  if (!extra || block_of(*extra).ports.first != first || holders_[extra->first][extra->second] != Address()) {
    return false;
  }
  give(*extra, host);
  return true;
}

void PortBlocks::take_back(const PortBlock& extra) {
  const auto found = extra_at(extra.external, extra.ports.first);
  if (!found) return;
  holders_[found->first][found->second] = Address();
  const auto given = given_.find(extra.host.value());
  std::erase(given->second, *found);
  if (given->second.empty()) given_.erase(given);
}

std::vector<PortBlock> PortBlocks::take_back_all(Address host) {
  std::vector<PortBlock> blocks = extras_of(host);
  for (const PortBlock& block : blocks) take_back(block);
  return blocks;
}

}  // namespace nat
