#include "translation/protocols/fragments.h"

#include <algorithm>

#include "translation/net/rewrite.h"

namespace nat {
namespace {

constexpr std::uint32_t kMostFragments = FragmentedDatagram::kMostFragments;
constexpr std::uint32_t kLargestDatagram = 65535 + kMostFragments * HeldFragment::kOverhead;

// RFC 1858, RFC 3128: a fragment that begins inside the transport header of a TCP segment.
bool inside_header(const PacketView& view) {
  return view.ip_protocol() == static_cast<std::uint8_t>(Protocol::tcp) &&
         view.fragment_offset() < tcp::kHeader;
}

struct Bounds {
  const char* key;
  std::uint32_t most;   // in all
  std::uint32_t share;  // of one source
  // Who uses more than this gives way first when all is used.
  std::uint32_t part() const { return most / 64; }
};

// One source has a quarter; one datagram is always allowed, the largest in as many pieces as are told apart.
Bounds bounds_of(FragmentLimit limit, const Limits& limits) {
  const auto share = [](std::uint32_t most, std::uint32_t least) {
    return std::min(most, std::max(most / 4, least));
  };
  switch (limit) {
    case FragmentLimit::datagrams:
      return {"limits.fragments", limits.fragments, share(limits.fragments, 1)};
    case FragmentLimit::held:
      return {"limits.held-fragments", limits.held_fragments, share(limits.held_fragments, kMostFragments)};
    case FragmentLimit::bytes:
      break;
  }
  return {"limits.fragment-bytes", limits.fragment_bytes, share(limits.fragment_bytes, kLargestDatagram)};
}

// The key of the limit that forbids to hold another fragment, whatever else would be given up for it; null
// when there is none. `datagram` is null when it is the first of its datagram to come.
const char* forbids_holding(const FragmentedDatagram* datagram, std::uint32_t bytes, const Limits& limits) {
  const auto held = datagram == nullptr ? 0 : static_cast<std::uint32_t>(datagram->held.size());
  const std::uint32_t held_bytes = datagram == nullptr ? 0 : datagram->held_bytes();
  const std::pair<FragmentLimit, std::uint32_t> wanted[] = {{FragmentLimit::datagrams, 1},
                                                            {FragmentLimit::held, held + 1},
                                                            {FragmentLimit::bytes, held_bytes + bytes}};
  for (const auto& [limit, amount] : wanted) {
    const Bounds bounds = bounds_of(limit, limits);
    if (amount > bounds.share) return bounds.key;
  }
  return nullptr;
}

std::uint32_t cost_of_holding(const PacketView& view) {
  return HeldFragment::kOverhead + static_cast<std::uint32_t>(view.total_length());
}

}  // namespace

Verdict Fragments::later(const PacketView& view, const Packet& packet, Realm in, const Policy& policy,
                         TimePoint now) {
  forget_finished();
  if (inside_header(view)) return {.reason = Reason::fragment_tiny};
  const DatagramKey key = key_of(view, in);
  const FragmentRange range = FragmentRange::of(view);
  unsigned budget = kMostGivenUp;
  FragmentedDatagram* datagram = find(key, now, budget);
  if (datagram != nullptr) {
    if (const auto reason = datagram->refusal(range)) return {.reason = *reason};
    if (datagram->decision) {
      datagram->add(range);
      finish_if_complete(*datagram);
      return apply(*datagram->decision, view);
    }
  }
  const std::uint32_t bytes = cost_of_holding(view);
  const char* const forbidden = forbids_holding(datagram, bytes, policy.limits);
  if (forbidden != nullptr) limit_met_ = forbidden;
  const auto room = [&](FragmentLimit limit, std::uint32_t more) {
    return make_room(limit, key.source, more, datagram, policy, budget);
  };
  if (forbidden != nullptr || !(datagram != nullptr || room(FragmentLimit::datagrams, 1)) ||
      !room(FragmentLimit::held, 1) || !room(FragmentLimit::bytes, bytes)) {
    return {.reason = Reason::fragment_limit};
  }
  if (datagram == nullptr) datagram = &make(key, policy, now + policy.timeouts.fragment_wait);
  hold(*datagram, range, view, packet.token);
  return {.reason = Reason::fragment_held};
}

std::optional<Reason> Fragments::first(const PacketView& view, Realm in, const Policy& policy,
                                       TimePoint now) {
  forget_finished();
  const DatagramKey key = key_of(view, in);
  const FragmentRange range = FragmentRange::of(view);
  unsigned budget = kMostGivenUp;
  FragmentedDatagram* datagram = find(key, now, budget);
  if (datagram != nullptr) {
    if (const auto reason = datagram->refusal(range)) return reason;
  } else {
    if (!make_room(FragmentLimit::datagrams, key.source, 1, nullptr, policy, budget)) {
      return Reason::fragment_limit;
    }
    datagram = &make(key, policy, now + policy.timeouts.fragment_wait);
  }
  datagram->add(range);
  return std::nullopt;
}

void Fragments::decide(const DatagramKey& key, const FragmentDecision& decision, TimePoint deadline) {
  const auto entry = datagrams_.find(key);
  if (entry == datagrams_.end() || entry->second.decision) return;
  FragmentedDatagram& datagram = entry->second;
  datagram.decision = decision;
  deadlines_.erase(datagram.due);
  datagram.due = deadlines_.emplace(deadline, &datagram);
  std::vector<HeldFragment> held;
  const std::uint32_t bytes = datagram.held_bytes();
  held.swap(datagram.held);
  if (!held.empty()) use_.let_go(datagram, static_cast<std::uint32_t>(held.size()), bytes);
  for (HeldFragment& fragment : held) {
    PacketView view;
    if (PacketView::parse(fragment.octets, view)) continue;
    const Verdict verdict = apply(decision, view);
    released_.push_back({fragment.token, verdict, std::move(fragment.octets), key.in});
  }
  finish_if_complete(datagram);
}

Fragments::Preview Fragments::preview(const PacketView& view, Realm in, const Policy& policy, TimePoint now,
                                      std::optional<Reason> happened) const {
  if (view.later_fragment() && inside_header(view)) return {Reason::fragment_tiny};
  const auto entry = datagrams_.find(key_of(view, in));
  const FragmentedDatagram* known = entry == datagrams_.end() ? nullptr : &entry->second;
  if (happened == Reason::fragment_of_refused) {
    const bool decided = known != nullptr && known->decision;
    return {*happened, decided ? &*known->decision : nullptr};
  }
  if (known != nullptr && (known == finished_ || known->due->first <= now)) known = nullptr;
  if (known == nullptr && policy.limits.fragments == 0) {
    return {.reason = Reason::fragment_limit, .limit = "limits.fragments"};
  }
  if (known != nullptr) {
    if (const auto reason = known->refusal(FragmentRange::of(view))) return {*reason};
    if (view.later_fragment() && known->decision) {
      const Reason reason = known->decision->reason;
      return {action_of(reason) == Action::drop ? Reason::fragment_of_refused : reason, &*known->decision};
    }
  }
  if (!view.later_fragment()) return {Reason::translated};
  // The fragments of all others would be given up for it.
  const char* const forbidden = forbids_holding(known, cost_of_holding(view), policy.limits);
  if (forbidden == nullptr) return {Reason::fragment_held};
  return {.reason = Reason::fragment_limit, .limit = forbidden};
}

Verdict Fragments::apply(const FragmentDecision& decision, const PacketView& view) {
  if (action_of(decision.reason) == Action::drop) return {.reason = Reason::fragment_of_refused};
  Verdict verdict{.reason = decision.reason, .out = decision.out, .hairpin_source = decision.hairpin_source};
  if (verdict.action() == Action::forward) {
    rewrite_source_address(view, decision.source);
    rewrite_destination_address(view, decision.destination);
    rewrite_identification(view, decision.identification);
    if (view.address_options()) blank_address_options(view);
  }
  return verdict;
}

FragmentedDatagram* Fragments::find(const DatagramKey& key, TimePoint now, unsigned& budget) {
  const auto known = datagrams_.find(key);
  if (known == datagrams_.end()) return nullptr;
  if (known->second.due->first > now) return &known->second;
  give_up(known->second, Reason::fragment_timeout, "", budget);
  return nullptr;
}

FragmentedDatagram& Fragments::make(const DatagramKey& key, const Policy& policy, TimePoint deadline) {
  // So that no single packet waits while thousands of others are hashed anew.
  if (datagrams_.bucket_count() < policy.limits.fragments) {
    datagrams_.reserve(policy.limits.fragments);
    use_.reserve(policy.limits.fragments);
  }
  FragmentedDatagram& datagram = datagrams_.try_emplace(key).first->second;
  datagram.key = key;
  datagram.due = deadlines_.emplace(deadline, &datagram);
  use_.add(datagram);
  return datagram;
}

void Fragments::hold(FragmentedDatagram& datagram, FragmentRange range, const PacketView& view,
                     std::uint64_t token) {
  datagram.add(range);
  datagram.held.push_back({token, {view.octets().begin(), view.octets().end()}});
  use_.held(datagram, datagram.held.back().bytes());
}

void Fragments::finish_if_complete(FragmentedDatagram& datagram) {
  if (datagram.complete()) finished_ = &datagram;
}

// Not at once, so that who explains what became of its last fragments finds it.
void Fragments::forget_finished() {
  if (finished_ != nullptr) remove(*finished_);
}

void Fragments::remove(FragmentedDatagram& datagram) {
  if (finished_ == &datagram) finished_ = nullptr;
  use_.remove(datagram);
  deadlines_.erase(datagram.due);
  const DatagramKey key = datagram.key;
  datagrams_.erase(key);
}

bool Fragments::give_up(FragmentedDatagram& datagram, Reason reason, const char* limit, unsigned& budget) {
  const auto going = static_cast<std::uint32_t>(std::min<std::size_t>(budget, datagram.held.size()));
  const auto end = datagram.held.begin() + going;
  std::uint32_t bytes = 0;
  for (auto fragment = datagram.held.begin(); fragment != end; ++fragment) {
    bytes += fragment->bytes();
    released_.push_back(
        {fragment->token, {.reason = reason}, std::move(fragment->octets), datagram.key.in, limit});
  }
  datagram.held.erase(datagram.held.begin(), end);
  if (going > 0) use_.let_go(datagram, going, bytes);
  budget -= std::min(budget, std::max(going, 1U));
  if (!datagram.held.empty()) return false;
  remove(datagram);
  return true;
}

bool Fragments::make_room(FragmentLimit limit, Address source, std::uint32_t more,
                          const FragmentedDatagram* spared, const Policy& policy, unsigned& budget) {
  const Bounds bounds = bounds_of(limit, policy.limits);
  const auto give_up_one = [&](FragmentedDatagram* datagram) {
    return datagram != nullptr && budget > 0 &&
           give_up(*datagram, Reason::fragment_limit, bounds.key, budget);
  };
  bool room = more <= bounds.share;
  while (room && use_.of(source, limit) + more > bounds.share) {
    room = give_up_one(use_.oldest_of(source, limit, spared));
  }
  while (room && use_.total(limit) + more > bounds.most) {
    room = give_up_one(use_.first_to_go(limit, bounds.part(), spared));
  }
  if (!room) limit_met_ = bounds.key;
  return room;
}

bool Fragments::expire(TimePoint now, unsigned budget) {
  forget_finished();
  while (next_deadline() <= now) {
    if (budget == 0) return true;
    give_up(*deadlines_.begin()->second, Reason::fragment_timeout, "", budget);
  }
  return false;
}

TimePoint Fragments::next_deadline() const { return deadlines_.empty() ? kNever : deadlines_.begin()->first; }

bool Fragments::take_released(Released& released, Realm& in) {
  if (released_.empty()) return false;
  current_ = std::move(released_.front());
  released_.pop_front();
  released = {current_.token, current_.verdict, current_.octets};
  in = current_.in;
  limit_met_ = current_.limit;
  return true;
}

}  // namespace nat
