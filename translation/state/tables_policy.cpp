// Replacing the policy of a running engine: the pool and the configured mappings follow, everything else
// stays.
#include <algorithm>

#include "translation/ports/local_sockets.h"
#include "translation/state/tables.h"

namespace nat {

void Tables::replace_policy(Policy policy, std::vector<std::string>& refused) {
  const bool had_rules = !policy_.host_rules.empty();
  policy_ = std::move(policy);
  const AddressIndex wanted(policy_.external_addresses);
  for (std::uint32_t m = 0; m < mappings_.high_water(); ++m) {
    if (mappings_[m].live && !wanted.contains(mappings_[m].external.address)) {
      end_mapping(m, RemovalCause::address_lost);
    }
  }
  configure_pool();
  if (had_rules || !profiles_.only_general()) choose_profiles_anew();
  configure_forwards(refused);
}

void Tables::configure_pool() {
  profiles_.configure(policy_);
  const PortBlocks::Change change = pool_.configure(policy_, profiles_);
  for (std::uint32_t m = 0; m < mappings_.high_water(); ++m) {
    if (!mappings_[m].live) continue;
    const auto index = pool_.index_of(mappings_[m].external.address);
    if (index) mappings_[m].address_index = *index;
    if (change.divided_anew && !pool_.may_keep(mappings_[m].external, mappings_[m].internal.address) &&
        mappings_[m].origin == Origin::dynamic && !mappings_[m].shares) {
      end_mapping(m, RemovalCause::address_lost);
    }
  }
  tell_of_blocks(change.ended, false);
}

void Tables::choose_profiles_anew() {
  for (std::uint32_t number = 0; number < mappings_.high_water(); ++number) {
    Mapping& m = mappings_[number];
    m.profile = Profiles::kGeneral;
    if (!m.live) continue;
    m.profile = profiles_.find(m.protocol, m.internal, m.remote_port);
    for (const SessionList* list : {&m.confirmed, &m.unconfirmed, &m.dormant}) {
      for (std::uint32_t s = list->head; s != kNone; s = sessions_.links(s).next_of_mapping) {
        sessions_[s].profile = m.profile;
      }
    }
  }
}

void Tables::configure_forwards(std::vector<std::string>& refused) {
  const auto resolved = [&](PortForward forward) {
    if (forward.external.address.unspecified() && !pool_.empty()) forward.external.address = pool_[0].address;
    return forward;
  };
  for (std::uint32_t m = 0; m < mappings_.high_water(); ++m) {
    const Mapping& mapping = mappings_[m];
    if (!mapping.live || mapping.origin != Origin::configured) continue;
    const bool wanted = std::any_of(
        policy_.port_forwards.begin(), policy_.port_forwards.end(), [&](const PortForward& candidate) {
          const PortForward forward = resolved(candidate);
          return forward.protocol == mapping.protocol && forward.external == mapping.external &&
                 forward.internal == mapping.internal && forward.name == names_[mapping.id];
        });
    if (!wanted) end_mapping(m, RemovalCause::deleted);
  }
  for (const PortForward& candidate : policy_.port_forwards) {
    const PortForward forward = resolved(candidate);
    const std::uint32_t present = mappings_.find_external(forward.protocol, forward.external);
    if (present != kNone && mappings_[present].origin == Origin::configured &&
        mappings_[present].internal == forward.internal) {
      continue;
    }
    if (auto problem = add_forward(forward)) refused.push_back(std::move(*problem));
  }
}

std::optional<std::string> Tables::add_forward(const PortForward& forward) {
  const std::string what = std::string(to_string(forward.protocol)) + " " + forward.external.to_string() +
                           " -> " + forward.internal.to_string() + ": ";
  const auto index = pool_.index_of(forward.external.address);
  if (!index) return what + "the external address is not one of natd's";
  if (live_mappings_ >= policy_.limits.mappings || mappings_.full())
    return what + "limits.mappings is reached";
  if (sockets_ != nullptr && sockets_->in_use(forward.protocol, forward.external.port)) {
    return what + "a program on the gateway itself uses this port; stop it or choose another port";
  }
  const std::uint32_t holder = mappings_.find_external(forward.protocol, forward.external);
  if (holder != kNone && !expire_sessions(holder)) return add_forward(forward);
  if (holder != kNone) {
    return what + "the port is in use by " + mappings_[holder].internal.to_string() +
           "; end that mapping first: natctl flush external " + forward.external.to_string();
  }
  std::uint32_t host = hosts_.find(forward.internal.address);
  if (host == kNone) host = hosts_.insert(forward.internal.address);
  if (host == kNone) return what + "limits.hosts is reached";
  if (!pool_[*index].of(forward.protocol).take_explicit(forward.external.port)) {
    release_host(host);
    return what + "the port is in use";
  }
  Mapping mapping{};
  mapping.internal = forward.internal;
  mapping.external = forward.external;
  mapping.behavior = Behavior::endpoint_independent;
  mapping.profile = profiles_.find(forward.protocol, forward.internal, 0);
  mapping.host = host;
  mapping.address_index = *index;
  mapping.protocol = forward.protocol;
  mapping.origin = Origin::configured;
  const std::uint32_t number = add_mapping(mapping);
  names_[mappings_[number].id] = forward.name;
  if (observer_ != nullptr) observer_->mapping_created(view(number), now_);
  return std::nullopt;
}

}  // namespace nat
