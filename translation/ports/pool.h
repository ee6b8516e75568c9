// The external addresses and their ports, and which of them a new mapping gets: the host's own address (RFC
// 4787 REQ-2), a port from the ranges of its profile or from its block, the internal port itself when that is
// wanted and free, else one that cannot be foreseen (RFC 6056); one of its own class, below 1024 or from 1024
// on, and of the other class when its own is exhausted and the policy lets it (RFC 4787 REQ-3a).
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "translation/base/random.h"
#include "translation/base/siphash.h"
#include "translation/net/address_index.h"
#include "translation/policy/policy.h"
#include "translation/policy/profiles.h"
#include "translation/ports/port_blocks.h"
#include "translation/ports/port_pool.h"

namespace nat {

// One external address and its ports for each protocol.
struct PoolAddress {
  Address address;
  std::uint32_t generation = 0;  // from 1 on; an address that went and came back has another
  std::unique_ptr<std::array<PortPool, 3>> ports;  // by index_of(protocol)
  PortPool& of(Protocol protocol) { return (*ports)[index_of(protocol)]; }
  const PortPool& of(Protocol protocol) const { return (*ports)[index_of(protocol)]; }
};

// What a new mapping asks for.
struct PortRequest {
  Protocol protocol = Protocol::udp;
  Endpoint internal;
  Address paired;  // where the host's other mappings are; unspecified when it has none
  const PortPolicy* policy = nullptr;
  const PortRules* rules = nullptr;
};

// What would give a port to a request that got none. Nothing of it where only more ports or addresses would.
struct PortRelief {
  bool default_ranges = false;     // letting all hosts have the ranges that PortPolicy begins with
  bool spill = false;              // letting it spill over into the other class
  bool soft_pairing = false;       // letting it have a port of another address
  bool more_extra_blocks = false;  // letting its host have more of them
};

struct PortGrant {
  std::uint16_t address_index = 0;
  std::uint16_t port = 0;
  std::optional<PortBlock> grown;  // an extra block that the host got for it
};

class Pool {
 public:
  Pool(Random& random, const HashSecret& secret) : random_(random), secret_(secret) {}

  // Addresses that stay keep what is in use and in quarantine; where their ports stay the same, they are not
  // looked at.
  PortBlocks::Change configure(const Policy& policy, const Profiles& profiles);

  bool empty() const { return addresses_.empty(); }
  std::optional<std::uint16_t> index_of(Address external) const { return places_.place_of(external); }
  bool contains(Address external) const { return places_.contains(external); }
  // 0 for an address that is not in the pool.
  std::uint32_t generation_of(Address external) const {
    const auto index = index_of(external);
    return index ? addresses_[*index].generation : 0;
  }
  PoolAddress& operator[](std::uint16_t index) { return addresses_[index]; }
  const PoolAddress& operator[](std::uint16_t index) const { return addresses_[index]; }
  const std::vector<PoolAddress>& addresses() const { return addresses_; }
  // As PortPool has it, for the pool of that address and protocol.
  void release(std::uint16_t index, Protocol protocol, std::uint16_t port, Endpoint owner, TimePoint until,
               TimePoint now);
  // Frees ports of all addresses whose quarantine is over; each counts against the budget.
  void wake(TimePoint now, unsigned& budget);

  PortBlocks& blocks() { return blocks_; }
  const PortBlocks& blocks() const { return blocks_; }

  // The address of a host whose other mappings are on `paired`. Not to be asked of an empty pool.
  std::uint16_t index_for(Address internal, Address paired) const;

  // The ports that the request may have on that address, those of the other class at the end.
  std::vector<PortRange> ranges_on(std::uint16_t index, const PortRequest& request) const;
  // Whether choose() would find a port, apart from those that sockets of the gateway occupy.
  bool has_room(const PortRequest& request) const;
  // `occupied` says whether a socket of the gateway has the port.
  std::optional<PortGrant> choose(const PortRequest& request,
                                  const std::function<bool(std::uint16_t)>& occupied);
  // What choose() would find, as far as that is certain: port 0 where it would pick one at random. Slower
  // than has_room(), and leaves out the ports that sockets of the gateway occupy.
  std::optional<PortGrant> preview(const PortRequest& request,
                                   const std::function<bool(std::uint16_t)>& occupied) const;
  // Whether the port is one of the host's block or extra blocks, where there are blocks.
  bool may_keep(Endpoint external, Address host) const;
  // What would help where preview() found nothing.
  PortRelief relief(const PortRequest& request, const std::function<bool(std::uint16_t)>& occupied) const;

 private:
  // Whether a port of its class lies in the ranges that PortPolicy begins with and in those of no profile.
  bool lacks_default_ranges(const PortRequest& request) const;
  void configure_ports(const Policy& policy, const Profiles& profiles);
  void configure(PoolAddress& address) const;
  // Where blocks are in force: the host's own, and what it got besides.
  std::vector<PortRange> blocks_on(std::uint16_t index, Address host) const;
  // Those of the other class, where the request may spill over.
  std::span<const PortRange> spill_ranges(const PortRequest& request) const;
  bool has_room_on(std::uint16_t index, const PortRequest& request) const;
  // Whether the internal port can be the external one.
  bool keeps_port(std::uint16_t index, const PortRequest& request,
                  const std::function<bool(std::uint16_t)>& occupied) const;
  bool finds_port(std::uint16_t index, const PortRequest& request,
                  const std::function<bool(std::uint16_t)>& occupied) const;
  std::optional<std::uint16_t> choose_on(std::uint16_t index, const PortRequest& request,
                                         const std::function<bool(std::uint16_t)>& occupied);
  std::optional<PortGrant> choose_from_another_block(std::uint16_t index, const PortRequest& request,
                                                     const std::function<bool(std::uint16_t)>& occupied);
  std::optional<std::uint16_t> draw(PortPool& pool, const PortRequest& request,
                                    std::span<const PortRange> ranges,
                                    const std::function<bool(std::uint16_t)>& occupied);
  // The addresses to try, the host's own first.
  std::size_t tries() const { return soft_ ? addresses_.size() : 1; }

  // What the ports of an address follow from.
  struct Inputs {
    std::vector<PortRange> ranges;
    PortSet reserved;
    bool identifiers_reserved = false;  // as the ports are
    std::uint32_t quarantine_share = 0;
    bool operator==(const Inputs&) const = default;
  };

  Random& random_;
  HashSecret secret_;
  std::vector<PoolAddress> addresses_;
  AddressIndex places_;           // in addresses_
  std::vector<TimePoint> wakes_;  // for each address and protocol: no quarantine ends earlier
  Inputs inputs_;
  std::shared_ptr<const EligiblePorts> eligible_[3];  // by index_of(protocol)
  PortBlocks blocks_;
  bool soft_ = false;
  std::uint32_t last_generation_ = 0;
};

}  // namespace nat
