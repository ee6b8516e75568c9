// What time and the policy bring about, piece by piece.
#include <algorithm>

#include "translation/state/lifecycle.h"

namespace nat {

bool Lifecycle::expire(unsigned budget) {
  const Tick now = state_.tick();
  const auto left = [&] { return state_.work.records < budget; };
  std::uint32_t number = kNone;
  while (left() && (number = state_.wheel.take_due(now)) != kNone) {
    state_.count_work();
    // Back into the wheel first: retire() expects every live session there.
    state_.wheel.insert(number, state_.sessions[number].deadline);
    if (state_.expired(state_.sessions[number])) retire(number);
  }
  while (left() && (number = state_.leases.take_due(now)) != kNone) end_lease(number);
  scan(budget);
  purge_ended(budget);
  unsigned wake = left() ? budget - state_.work.records : 0;
  const unsigned before = wake;
  state_.pool.wake(state_.now, wake);
  state_.count_work(before - wake);
  return !left() || !state_.backlog.ended.empty() || state_.backlog.scanning();
}

// Forgets what ended mappings left.
void Lifecycle::purge_ended(unsigned budget) {
  auto& ended = state_.backlog.ended;
  while (!ended.empty()) {
    const std::uint32_t mapping = ended.back();
    Mapping& m = state_.mappings[mapping];
    for (SessionList* list : {&m.confirmed, &m.unconfirmed, &m.dormant}) {
      while (list->head != kNone) {
        if (state_.work.records >= budget) return;
        forget(list->head);
      }
    }
    if (state_.work.records >= budget) return;
    state_.count_work();
    if (m.lingers) --state_.backlog.lingering;
    --state_.hosts[m.host].records;
    if (m.origin != Origin::dynamic) --state_.hosts[m.host].fixed;
    release_host(m.host);
    state_.mappings.give_back(mapping);
    ended.pop_back();
  }
  state_.refresh_settled();
}

// Brings mappings and sessions in line with the policy.
void Lifecycle::scan(unsigned budget) {
  Backlog& backlog = state_.backlog;
  for (; backlog.next_mapping < backlog.last_mapping && state_.work.records < budget;
       ++backlog.next_mapping) {
    state_.count_work();
    settle(backlog.next_mapping);
  }
  if (backlog.next_mapping < backlog.last_mapping) return;
  for (; backlog.next_session < backlog.last_session && state_.work.records < budget;
       ++backlog.next_session) {
    state_.count_work();
    Session& session = state_.sessions[backlog.next_session];
    if (session.live || session.dormant)
      session.profile = state_.profile_number(state_.mappings[session.mapping]);
  }
  state_.refresh_settled();
}

std::uint32_t Lifecycle::replace_policy(Policy policy) {
  const bool had_rules = !state_.profiles.only_general();
  const AddressIndex wanted(policy.external_addresses);
  std::uint32_t lost = 0;
  bool any_lost = false;
  for (const PoolAddress& address : state_.pool.addresses()) {
    if (wanted.contains(address.address)) continue;
    any_lost = true;
    for (const PortPool& ports : *address.ports) lost += ports.used();
  }
  state_.policy = std::move(policy);
  state_.admission = Admission(state_.policy.internal_networks);
  state_.profiles.configure(state_.policy);
  const PortBlocks::Change blocks = state_.pool.configure(state_.policy, state_.profiles);
  notify_blocks(blocks.ended, false);
  Backlog& backlog = state_.backlog;
  const bool renumbered = had_rules || !state_.profiles.only_general();
  if (renumbered) ++state_.profile_generation;
  if (any_lost || blocks.divided_anew || renumbered) {
    backlog.next_mapping = 0;
    backlog.last_mapping = state_.mappings.high_water();
  }
  if (renumbered) {
    backlog.next_session = 0;
    backlog.last_session = state_.sessions.high_water();
  }
  state_.refresh_settled();
  return lost;
}

}  // namespace nat
