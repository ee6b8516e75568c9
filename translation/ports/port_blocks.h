// Which ports belong to which subscriber, by arithmetic alone (RFC 7422 section 2): whoever knows the
// configuration can tell the host behind an external endpoint, and needs no log.
//
// With C subscribers on an address, D shares left over and ports from 1024 on, each subscriber has
// floor(64512 / (C + D)) ports. What remains at the end is cut into blocks of `extra_size` that are given out
// on demand; those are told of, as no arithmetic can know them.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "translation/policy/policy.h"

namespace nat {

// What a port belongs to.
struct PortBlock {
  std::uint16_t address_index = 0;  // in the pool
  PortRange ports;
  bool extra = false;
  Address host;  // unspecified for an extra block that nobody has
};

class PortBlocks {
 public:
  // `addresses` is the size of the pool; ports in `reserved` are nobody's. What was given out is kept as long
  // as the division stays the same.
  void configure(const BlockPolicy& policy, std::size_t addresses, const PortSet& reserved);

  bool on() const { return share_ > 0; }
  // Of a subscriber; nothing for a host that is none.
  std::optional<PortBlock> own(Address host) const;
  // Nothing for ports below 1024 and for what no block is large enough to fill.
  std::optional<PortBlock> at(std::uint16_t address_index, std::uint16_t port) const;
  std::vector<PortBlock> extras_of(std::uint16_t address_index, Address host) const;

  // Says whether the ports of a block are of any use now: they may all rest since another host had them.
  using Useful = std::function<bool(PortRange)>;
  // Whether `host` may have another extra block on that address now.
  bool may_grow(std::uint16_t address_index, Address host, const Useful& useful) const;
  std::optional<PortBlock> grow(std::uint16_t address_index, Address host, const Useful& useful);
  // Gives that very extra block to the host; false when there is none that begins there, or another host has
  // it.
  bool claim(std::uint16_t address_index, std::uint16_t first, Address host);
  // Takes back an extra block.
  void give_back(const PortBlock& extra);
  // Takes back the extra blocks of the host; says which.
  std::vector<PortBlock> shrink(std::uint16_t address_index, Address host);

  std::uint16_t share() const { return share_; }

 private:
  PortBlock extra(std::uint16_t address_index, std::size_t number) const;
  // Of the first useful extra block that nobody has.
  std::optional<std::size_t> spare(std::uint16_t address_index, Address host, const Useful& useful) const;

  BlockPolicy policy_;
  std::size_t addresses_ = 0;
  PortSet reserved_;
  std::uint16_t share_ = 0;                   // ports of one subscriber
  std::uint32_t per_address_ = 0;             // subscribers on one address
  std::uint32_t first_extra_ = 0;             // port
  std::vector<std::vector<Address>> extras_;  // holder of each extra block, by pool address
};

}  // namespace nat
