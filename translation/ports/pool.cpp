#include "translation/ports/pool.h"

#include <algorithm>

namespace nat {
namespace {

constexpr std::uint16_t kFirstUserPort = 1024;
// How often a port that a socket of the gateway occupies is put aside for another.
constexpr int kPortAttempts = 16;

bool contain(const std::vector<PortRange>& ranges, std::uint16_t port) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [&](const PortRange& range) { return range.contains(port); });
}

bool preserves(const PortPolicy& policy) {
  return policy.preserve && policy.allocation == Allocation::random;
}

// One that no socket of the gateway occupies.
bool has_free(const PortPool& pool, PortRange range, const std::function<bool(std::uint16_t)>& occupied) {
  return pool.first_free(range, occupied).has_value();
}

}  // namespace

void Pool::configure(const Policy& policy, const Profiles& profiles) {
  const Inputs inputs{policy.blocks.subscribers.empty() ? profiles.all_ranges()
                                                        : std::vector<PortRange>{{kFirstUserPort, 65535}},
                      policy.reserved_ports, policy.quarantine_share};
  const bool same = inputs == inputs_;
  inputs_ = inputs;
  if (!same || eligible_[0] == nullptr) work_out_eligible();
  std::vector<PoolAddress> addresses;
  for (const Address address : policy.external_addresses) {
    const auto known = index_of(address);
    addresses.push_back(known ? std::move(addresses_[*known]) : PoolAddress{address, {}});
    if (!known || !same) configure(addresses.back());
  }
  addresses_ = std::move(addresses);
  blocks_.configure(policy.blocks, addresses_.size(), policy.reserved_ports);
  soft_ = policy.soft_pairing;
}

void Pool::work_out_eligible() {
  const auto ports = std::make_shared<const EligiblePorts>(inputs_.ranges, inputs_.reserved);
  // Identifiers of ICMP queries share no number space with the gateway's own ports.
  const auto identifiers = std::make_shared<const EligiblePorts>(inputs_.ranges, PortSet());
  for (const Protocol protocol : kProtocols) {
    eligible_[nat::index_of(protocol)] = protocol == Protocol::icmp ? identifiers : ports;
  }
}

void Pool::configure(PoolAddress& address) const {
  for (const Protocol protocol : kProtocols) {
    address.of(protocol).configure(eligible_[nat::index_of(protocol)], inputs_.quarantine_share);
  }
}

std::optional<std::uint16_t> Pool::index_of(Address external) const {
  for (std::size_t i = 0; i < addresses_.size(); ++i) {
    if (addresses_[i].address == external) return static_cast<std::uint16_t>(i);
  }
  return std::nullopt;
}

std::uint16_t Pool::index_for(Address internal, Address paired) const {
  if (addresses_.size() == 1) return 0;
  if (const auto present = index_of(paired)) return *present;
  if (const auto own = index_of(internal)) return *own;  // the gateway's own echo requests
  if (const auto block = blocks_.own(internal)) return block->address_index;
  return static_cast<std::uint16_t>(siphash13(secret_, internal.value(), 0x706f6f6c) % addresses_.size());
}

bool Pool::has_room(const PortRequest& request) const {
  const std::size_t own = index_for(request.internal.address, request.paired);
  for (std::size_t i = 0; i < tries(); ++i) {
    if (has_room_on(static_cast<std::uint16_t>((own + i) % addresses_.size()), request)) return true;
  }
  return false;
}

bool Pool::has_room_on(std::uint16_t index, const PortRequest& request) const {
  const PortPool& pool = addresses_[index].of(request.protocol);
  const std::uint16_t wanted = request.internal.port;
  if (blocks_.on()) {
    if (pool.free_in(ranges_on(index, request)) > 0) return true;
    return blocks_.may_grow(index, request.internal.address,
                            [&](PortRange block) { return pool.free_in(block) > 0; });
  }
  const auto& ranges = request.rules->of(request.protocol, wanted);
  if (pool.free_in(ranges) > 0) return true;
  return preserves(*request.policy) && contain(ranges, wanted) && pool.may_take(wanted, request.internal);
}

std::optional<PortGrant> Pool::choose(const PortRequest& request,
                                      const std::function<bool(std::uint16_t)>& occupied) {
  const std::size_t own = index_for(request.internal.address, request.paired);
  for (std::size_t i = 0; i < tries(); ++i) {
    const auto index = static_cast<std::uint16_t>((own + i) % addresses_.size());
    if (const auto port = choose_on(index, request, occupied)) return PortGrant{index, *port, std::nullopt};
    if (!blocks_.on()) continue;
    if (auto grant = choose_from_another_block(index, request, occupied)) return grant;
  }
  return std::nullopt;
}

std::optional<PortGrant> Pool::choose_from_another_block(std::uint16_t index, const PortRequest& request,
                                                         const std::function<bool(std::uint16_t)>& occupied) {
  PortPool& pool = addresses_[index].of(request.protocol);
  const auto useful = [&](PortRange block) { return has_free(pool, block, occupied); };
  const auto grown = blocks_.grow(index, request.internal.address, useful);
  if (!grown) return std::nullopt;
  if (const auto port = draw(pool, request, {grown->ports}, occupied)) return PortGrant{index, *port, grown};
  blocks_.give_back(*grown);
  return std::nullopt;
}

std::optional<std::uint16_t> Pool::choose_on(std::uint16_t index, const PortRequest& request,
                                             const std::function<bool(std::uint16_t)>& occupied) {
  PortPool& pool = addresses_[index].of(request.protocol);
  if (blocks_.on()) return draw(pool, request, ranges_on(index, request), occupied);
  if (keeps_port(index, request, occupied) && pool.take(request.internal.port, request.internal)) {
    return request.internal.port;
  }
  return draw(pool, request, request.rules->of(request.protocol, request.internal.port), occupied);
}

bool Pool::keeps_port(std::uint16_t index, const PortRequest& request,
                      const std::function<bool(std::uint16_t)>& occupied) const {
  const std::uint16_t wanted = request.internal.port;
  return !blocks_.on() && preserves(*request.policy) &&
         contain(request.rules->of(request.protocol, wanted), wanted) &&
         addresses_[index].of(request.protocol).may_take(wanted, request.internal) && !occupied(wanted);
}

bool Pool::finds_port(std::uint16_t index, const PortRequest& request,
                      const std::function<bool(std::uint16_t)>& occupied) const {
  const PortPool& pool = addresses_[index].of(request.protocol);
  const auto useful = [&](PortRange range) { return has_free(pool, range, occupied); };
  const auto ranges = ranges_on(index, request);
  return std::any_of(ranges.begin(), ranges.end(), useful) ||
         (blocks_.on() && blocks_.may_grow(index, request.internal.address, useful));
}

std::optional<PortGrant> Pool::preview(const PortRequest& request,
                                       const std::function<bool(std::uint16_t)>& occupied) const {
  const std::size_t own = index_for(request.internal.address, request.paired);
  for (std::size_t i = 0; i < tries(); ++i) {
    const auto index = static_cast<std::uint16_t>((own + i) % addresses_.size());
    if (keeps_port(index, request, occupied)) return PortGrant{index, request.internal.port, std::nullopt};
    if (finds_port(index, request, occupied)) return PortGrant{index, 0, std::nullopt};
  }
  return std::nullopt;
}

std::optional<std::uint16_t> Pool::draw(PortPool& pool, const PortRequest& request,
                                        const std::vector<PortRange>& ranges,
                                        const std::function<bool(std::uint16_t)>& occupied) {
  const std::optional<unsigned> parity =
      request.policy->preserve_parity ? std::optional<unsigned>(request.internal.port & 1U) : std::nullopt;
  std::vector<std::uint16_t> put_aside;
  std::optional<std::uint16_t> chosen;
  for (int attempt = 0; attempt < kPortAttempts && !chosen; ++attempt) {
    chosen = request.policy->allocation == Allocation::sequential ? pool.pick_next(ranges)
                                                                  : pool.pick(random_, ranges, parity);
    if (!chosen) break;
    if (occupied(*chosen)) {
      put_aside.push_back(*chosen);
      chosen.reset();
    }
  }
  for (const std::uint16_t port : put_aside) pool.release(port, {}, TimePoint(), TimePoint());
  return chosen;
}

std::vector<PortRange> Pool::ranges_on(std::uint16_t index, const PortRequest& request) const {
  if (!blocks_.on()) return request.rules->of(request.protocol, request.internal.port);
  // Where blocks are in force: the host's own, and what it got besides.
  std::vector<PortRange> ranges;
  const auto own = blocks_.own(request.internal.address);
  if (own && own->address_index == index) ranges.push_back(own->ports);
  for (const PortBlock& extra : blocks_.extras_of(index, request.internal.address)) {
    ranges.push_back(extra.ports);
  }
  return ranges;
}

}  // namespace nat
