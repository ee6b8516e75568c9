#include "translation/ports/port_blocks.h"

#include <algorithm>

namespace nat {
namespace {

constexpr std::uint32_t kFirstPort = 1024;
constexpr std::uint32_t kPorts = 65536 - kFirstPort;
// Holds the extra blocks that cannot be given out.
constexpr Address kNobody(255, 255, 255, 255);

}  // namespace

void PortBlocks::configure(const BlockPolicy& policy, std::size_t addresses, const PortSet& reserved) {
  if (policy == policy_ && addresses == addresses_ && reserved == reserved_) return;
  policy_ = policy;
  addresses_ = addresses;
  reserved_ = reserved;
  share_ = 0;
  extras_.clear();
  if (policy.subscribers.empty() || addresses == 0) return;
  per_address_ = static_cast<std::uint32_t>((policy.subscribers.size() + addresses - 1) / addresses);
  share_ = static_cast<std::uint16_t>(kPorts / (per_address_ + policy.dynamic));
  first_extra_ = kFirstPort + per_address_ * share_;
  std::vector<Address> holders((65536 - first_extra_) / policy.extra_size);
  for (std::size_t number = 0; number < holders.size(); ++number) {
    bool usable = false;
    for (std::size_t i = 0; i < policy.extra_size; ++i) {
      usable = usable || !reserved[first_extra_ + number * policy.extra_size + i];
    }
    if (!usable) holders[number] = kNobody;
  }
  extras_.assign(addresses, holders);
}

std::optional<PortBlock> PortBlocks::own(Address host) const {
  const auto& all = policy_.subscribers;
  const auto found = std::lower_bound(all.begin(), all.end(), host);
  if (!on() || found == all.end() || *found != host) return std::nullopt;
  const auto number = static_cast<std::uint32_t>(found - all.begin());
  const std::uint32_t first = kFirstPort + number % per_address_ * share_;
  return PortBlock{static_cast<std::uint16_t>(number / per_address_),
                   {static_cast<std::uint16_t>(first), static_cast<std::uint16_t>(first + share_ - 1)},
                   false,
                   host};
}

std::optional<PortBlock> PortBlocks::at(std::uint16_t address_index, std::uint16_t port) const {
  if (!on() || port < kFirstPort || address_index >= addresses_) return std::nullopt;
  if (port < first_extra_) {
    const std::size_t number = std::size_t{address_index} * per_address_ + (port - kFirstPort) / share_;
    if (number >= policy_.subscribers.size()) return std::nullopt;
    return own(policy_.subscribers[number]);
  }
  const std::size_t number = (port - first_extra_) / policy_.extra_size;
  if (number >= extras_[address_index].size()) return std::nullopt;
  return extra(address_index, number);
}

PortBlock PortBlocks::extra(std::uint16_t address_index, std::size_t number) const {
  const std::size_t first = first_extra_ + number * policy_.extra_size;
  return {address_index,
          {static_cast<std::uint16_t>(first), static_cast<std::uint16_t>(first + policy_.extra_size - 1)},
          true,
          extras_[address_index][number]};
}

std::vector<PortBlock> PortBlocks::extras_of(std::uint16_t address_index, Address host) const {
  std::vector<PortBlock> blocks;
  if (address_index >= extras_.size()) return blocks;
  const auto& holders = extras_[address_index];
  for (std::size_t number = 0; number < holders.size(); ++number) {
    if (holders[number] == host) blocks.push_back(extra(address_index, number));
  }
  return blocks;
}

std::optional<std::size_t> PortBlocks::spare(std::uint16_t address_index, Address host,
                                             const Useful& useful) const {
  if (address_index >= extras_.size()) return std::nullopt;
  const auto& holders = extras_[address_index];
  if (std::count(holders.begin(), holders.end(), host) >= policy_.extra_per_host) return std::nullopt;
  for (std::size_t number = 0; number < holders.size(); ++number) {
    if (holders[number] == Address() && useful(extra(address_index, number).ports)) return number;
  }
  return std::nullopt;
}

bool PortBlocks::may_grow(std::uint16_t address_index, Address host, const Useful& useful) const {
  return spare(address_index, host, useful).has_value();
}

std::optional<PortBlock> PortBlocks::grow(std::uint16_t address_index, Address host, const Useful& useful) {
  const auto number = spare(address_index, host, useful);
  if (!number) return std::nullopt;
  extras_[address_index][*number] = host;
  return extra(address_index, *number);
}

bool PortBlocks::claim(std::uint16_t address_index, std::uint16_t first, Address host) {
  if (!on() || address_index >= extras_.size() || first < first_extra_) return false;
  const std::size_t number = (first - first_extra_) / policy_.extra_size;
  if (number >= extras_[address_index].size() || extra(address_index, number).ports.first != first)
    return false;
  if (extras_[address_index][number] != Address()) return false;
  extras_[address_index][number] = host;
  return true;
}

void PortBlocks::give_back(const PortBlock& extra) {
  const std::size_t number = (extra.ports.first - first_extra_) / policy_.extra_size;
  extras_[extra.address_index][number] = Address();
}

std::vector<PortBlock> PortBlocks::shrink(std::uint16_t address_index, Address host) {
  std::vector<PortBlock> blocks = extras_of(address_index, host);
  if (!blocks.empty()) {
    std::replace(extras_[address_index].begin(), extras_[address_index].end(), host, Address());
  }
  return blocks;
}

}  // namespace nat
