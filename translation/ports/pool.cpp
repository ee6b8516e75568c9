#include "translation/ports/pool.h"

#include <algorithm>
#include <iterator>

namespace nat {
namespace {

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

PortBlocks::Change Pool::configure(const Policy& policy, const Profiles& profiles) {
  const Inputs before = inputs_;
  configure_ports(policy, profiles);
  const bool same = inputs_ == before;
  std::vector<PoolAddress> addresses;
  addresses.reserve(policy.external_addresses.size());
  for (const Address address : policy.external_addresses) {
    const auto place = index_of(address);
    const bool known = place && addresses_[*place].ports != nullptr;
    addresses.push_back(
        known ? std::move(addresses_[*place])
              : PoolAddress{address, ++last_generation_, std::make_unique<std::array<PortPool, 3>>()});
    if (!known || !same) configure(addresses.back());
  }
  addresses_ = std::move(addresses);
  places_ = AddressIndex(policy.external_addresses);
  wakes_.clear();
  for (const PoolAddress& address : addresses_) {
    for (const PortPool& ports : *address.ports) wakes_.push_back(ports.next_wake());
  }
  soft_ = policy.soft_pairing;
  return blocks_.configure(policy.blocks, policy.external_addresses, policy.reserved_ports);
}

// Identifiers of ICMP queries share no number space with the gateway's own ports; but blocks are the same for
// all protocols.
void Pool::configure_ports(const Policy& policy, const Profiles& profiles) {
  const bool blocks = !policy.blocks.subscribers.empty();
  Inputs inputs{blocks ? std::vector<PortRange>{{kFirstBlockPort, 65535}} : profiles.all_ranges(),
                policy.reserved_ports, blocks, policy.quarantine_share};
  if (inputs == inputs_ && eligible_[0] != nullptr) return;
  inputs_ = std::move(inputs);
  const auto ports = std::make_shared<const EligiblePorts>(inputs_.ranges, inputs_.reserved);
  const auto identifiers = blocks ? ports : std::make_shared<const EligiblePorts>(inputs_.ranges, PortSet());
  for (const Protocol protocol : kProtocols) {
    eligible_[nat::index_of(protocol)] = protocol == Protocol::icmp ? identifiers : ports;
  }
}

void Pool::configure(PoolAddress& address) const {
  for (const Protocol protocol : kProtocols) {
    address.of(protocol).configure(eligible_[nat::index_of(protocol)], inputs_.quarantine_share);
  }
}

void Pool::release(std::uint16_t index, Protocol protocol, std::uint16_t port, Endpoint owner,
                   TimePoint until, TimePoint now) {
  PortPool& ports = addresses_[index].of(protocol);
  ports.release(port, owner, until, now);
  TimePoint& wake = wakes_[index * std::size(kProtocols) + nat::index_of(protocol)];
  wake = std::min(wake, ports.next_wake());
}

void Pool::wake(TimePoint now, unsigned& budget) {
  for (std::size_t i = 0; i < wakes_.size() && budget > 0; ++i) {
    if (wakes_[i] > now) continue;
    PortPool& ports = (*addresses_[i / std::size(kProtocols)].ports)[i % std::size(kProtocols)];
    ports.wake(now, budget);
    wakes_[i] = ports.next_wake();
  }
}

std::uint16_t Pool::index_for(Address internal, Address paired) const {
  if (addresses_.size() == 1) return 0;
  if (const auto present = index_of(paired)) return *present;
  if (const auto own = index_of(internal)) return *own;  // the gateway's own echo requests
  if (const auto block = blocks_.own(internal)) return *index_of(block->external);
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
    if (pool.free_in(blocks_on(index, request.internal.address)) > 0) return true;
    return blocks_.may_grow(addresses_[index].address, request.internal.address,
                            [&](PortRange block) { return pool.free_in(block) > 0; });
  }
  const auto& ranges = request.rules->of(request.protocol, wanted);
  if (pool.free_in(ranges) > 0 || pool.free_in(spill_ranges(request)) > 0) return true;
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
  const auto grown = blocks_.grow(addresses_[index].address, request.internal.address, useful);
  if (!grown) return std::nullopt;
  if (const auto port = draw(pool, request, {&grown->ports, 1}, occupied))
    return PortGrant{index, *port, grown};
  blocks_.take_back(*grown);
  return std::nullopt;
}

std::optional<std::uint16_t> Pool::choose_on(std::uint16_t index, const PortRequest& request,
                                             const std::function<bool(std::uint16_t)>& occupied) {
  PortPool& pool = addresses_[index].of(request.protocol);
  if (blocks_.on()) return draw(pool, request, blocks_on(index, request.internal.address), occupied);
  if (keeps_port(index, request, occupied) && pool.take(request.internal.port, request.internal)) {
    return request.internal.port;
  }
  const auto& ranges = request.rules->of(request.protocol, request.internal.port);
  if (const auto port = draw(pool, request, ranges, occupied)) return port;
  return draw(pool, request, spill_ranges(request), occupied);
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
         (blocks_.on() && blocks_.may_grow(addresses_[index].address, request.internal.address, useful));
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
                                        std::span<const PortRange> ranges,
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
  if (blocks_.on()) return blocks_on(index, request.internal.address);
  std::vector<PortRange> ranges = request.rules->of(request.protocol, request.internal.port);
  const auto more = spill_ranges(request);
  ranges.insert(ranges.end(), more.begin(), more.end());
  return ranges;
}

std::vector<PortRange> Pool::blocks_on(std::uint16_t index, Address host) const {
  std::vector<PortRange> ranges;
  const Address external = addresses_[index].address;
  const auto own = blocks_.own(host);
  if (own && own->external == external) ranges.push_back(own->ports);
  for (const PortBlock& extra : blocks_.extras_of(external, host)) ranges.push_back(extra.ports);
  return ranges;
}

// None where one class serves both.
std::span<const PortRange> Pool::spill_ranges(const PortRequest& request) const {
  if (!request.policy->spill || blocks_.on()) return {};
  const auto& others = request.rules->of_other_class(request.protocol, request.internal.port);
  if (others == request.rules->of(request.protocol, request.internal.port)) return {};
  return others;
}

bool Pool::may_keep(Endpoint external, Address host) const {
  if (!blocks_.on()) return true;
  const auto block = blocks_.at(external.address, external.port);
  return block && block->host == host;
}

bool Pool::lacks_default_ranges(const PortRequest& request) const {
  const bool identifiers = request.protocol == Protocol::icmp;
  const EligiblePorts now(inputs_.ranges, identifiers ? PortSet() : inputs_.reserved);
  const EligiblePorts then(PortPolicy().ranges, identifiers ? PortSet() : inputs_.reserved);
  const bool any_class = identifiers || request.policy->spill;
  const bool low = request.internal.port < kFirstUserPort;
  for (unsigned word = 0; word < EligiblePorts::kWords; ++word) {
    if (!any_class && low != (word * 64 < kFirstUserPort)) continue;
    if ((then.words()[word] & ~now.words()[word]) != 0) return true;
  }
  return false;
}

PortRelief Pool::relief(const PortRequest& request,
                        const std::function<bool(std::uint16_t)>& occupied) const {
  const std::uint16_t own = index_for(request.internal.address, request.paired);
  PortPolicy spilling = *request.policy;
  spilling.spill = true;
  PortRequest spilled = request;
  spilled.policy = &spilling;
  PortRelief relief;
  relief.default_ranges = !blocks_.on() && lacks_default_ranges(request);
  relief.spill = finds_port(own, spilled, occupied);
  for (std::size_t i = 1; i < addresses_.size() && !relief.soft_pairing; ++i) {
    relief.soft_pairing =
        finds_port(static_cast<std::uint16_t>((own + i) % addresses_.size()), request, occupied);
  }
  const auto useful = [&](PortRange range) {
    return has_free(addresses_[own].of(request.protocol), range, occupied);
  };
  relief.more_extra_blocks = blocks_.has_spare(addresses_[own].address, useful);
  return relief;
}

}  // namespace nat
