// Which ports belong to which subscriber, by arithmetic alone (RFC 7422 section 2): whoever knows the
// configuration identifies the host behind an external endpoint, and needs no log.
//
// The ports from 1024 on that the gateway does not keep for itself are counted through, and this sequence is
// divided: with C subscribers on an address, D shares left over and N such ports, each subscriber has
// floor(N / (C + D)) of them. Ports of the gateway may lie between those of a block; they belong to no host.
// What remains at the end is cut into blocks of `extra_size` that are given out on demand; those are logged,
// as no arithmetic can know them.
//
// A block is of an external address, wherever that stands in the pool.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "translation/net/address_index.h"
#include "translation/policy/policy.h"

namespace nat {

// What a port belongs to.
struct PortBlock {
  Address external;
  PortRange ports;  // without those of the gateway between them
  bool extra = false;
  Address host;  // unspecified for an extra block that no host has
};

class PortBlocks {
 public:
  struct Change {
    bool divided_anew = false;
    std::vector<PortBlock> ended;  // extra blocks that came back
  };
  // `addresses` is the pool, in its order; ports in `reserved` belong to no host. Extra blocks stay given out
  // where they are the same blocks afterwards, on addresses that stay.
  Change configure(const BlockPolicy& policy, std::span<const Address> addresses, const PortSet& reserved);

  bool on() const { return !policy_.subscribers.empty() && !addresses_.empty(); }
  // Of a subscriber; nothing for a host that is none.
  std::optional<PortBlock> own(Address host) const;
  // Nothing for ports below 1024, for those of the gateway, and for what no block is large enough to fill.
  std::optional<PortBlock> at(Address external, std::uint16_t port) const;
  // In the order of the pool and of their ports.
  std::vector<PortBlock> extras_of(Address host) const;
  std::vector<PortBlock> extras_of(Address external, Address host) const;

  // Says whether the ports of a block are of any use now: they may all be in quarantine since another host
  // had them.
  using Useful = std::function<bool(PortRange)>;
  // Whether `host` may have another extra block on that address now.
  bool may_grow(Address external, Address host, const Useful& useful) const;
  // Whether there is one that no host has, whatever a host may have.
  bool has_spare(Address external, const Useful& useful) const { return spare(external, useful).has_value(); }
  std::optional<PortBlock> grow(Address external, Address host, const Useful& useful);
  // Gives that very extra block to the host; false when none has that port first, or another host has it.
  bool claim(Address external, std::uint16_t first, Address host);
  // Takes back an extra block.
  void take_back(const PortBlock& extra);
  // Takes back the extra blocks of the host on every address; says which.
  std::vector<PortBlock> take_back_all(Address host);

  std::uint16_t share() const { return share_; }

 private:
  // An extra block: the place of its address in the pool, and its number there.
  using Extra = std::pair<std::size_t, std::size_t>;

  std::vector<PortBlock> extras_given() const;
  void give(Extra extra, Address host);
  bool divide(const BlockPolicy& policy, std::size_t addresses, const PortSet& reserved);
  // From the ranks of its ports.
  PortBlock block(std::size_t place, std::size_t first, std::size_t size) const;
  PortBlock block_of(Extra extra) const;
  std::optional<Extra> extra_at(Address external, std::uint16_t port) const;
  // How many usable ports lie below; the rank of a usable port.
  std::size_t rank(std::uint16_t port) const;
  // The first useful extra block that no host has.
  std::optional<Extra> spare(Address external, const Useful& useful) const;

  BlockPolicy policy_;
  std::vector<Address> addresses_;
  AddressIndex places_;  // in the pool
  PortSet reserved_;
  std::vector<std::uint16_t> usable_;          // the ports that are divided, rising
  std::uint16_t share_ = 0;                    // ports of one subscriber
  std::size_t per_address_ = 0;                // subscribers on one address
  std::size_t first_extra_ = 0;                // rank of the first port of the first extra block
  std::vector<std::vector<Address>> holders_;  // of each extra block, by place and number
  std::unordered_map<std::uint32_t, std::vector<Extra>> given_;  // by host, in order
};

}  // namespace nat
