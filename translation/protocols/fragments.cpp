#include "translation/protocols/fragments.h"

#include <algorithm>

#include "translation/net/rewrite.h"

namespace nat {
namespace {

// Fragments of one datagram that are told apart; 65,535 octets in pieces of the smallest IPv4 MTU of
// practice.
constexpr std::size_t kMostFragments = 128;

// RFC 1858, RFC 3128: a fragment that begins inside the transport header of a TCP segment.
bool inside_header(const PacketView& view) {
  return view.ip_protocol() == static_cast<std::uint8_t>(Protocol::tcp) &&
         view.fragment_offset() < tcp::kHeader;
}

// Octets that one source may have waiting; one datagram of the largest size is always allowed.
std::uint32_t share_of_octets(const Policy& policy) {
  const std::uint32_t most = policy.limits.fragment_bytes;
  return std::min(most, std::max(most / 4, 65535U));
}

}  // namespace

Verdict Fragments::later(const PacketView& view, const Packet& packet, Realm in, const Policy& policy,
                         TimePoint now) {
  if (inside_header(view)) return {.reason = Reason::fragment_tiny};
  const auto entry = find_or_make(key_of(view, in), policy, now);
  if (entry == datagrams_.end()) return {.reason = Reason::fragment_limit};
  Datagram& datagram = entry->second;
  if (const auto reason = range_refusal(datagram, range_of(view))) return {.reason = *reason};
  if (datagram.decision) {
    datagram.seen.push_back(range_of(view));
    return apply(*datagram.decision, view);
  }
  const auto size = static_cast<std::uint32_t>(view.total_length());
  if (!evict_octets(entry, size, policy)) return {.reason = Reason::fragment_limit};
  datagram.seen.push_back(range_of(view));
  datagram.held.push_back({packet.token, {view.octets().begin(), view.octets().end()}});
  ++held_count_;
  held_bytes_ += size;
  waiting_of_source_[entry->first.source].bytes += size;
  return {.reason = Reason::fragment_held};
}

std::optional<Reason> Fragments::first(const PacketView& view, Realm in, const Policy& policy,
                                       TimePoint now) {
  const auto entry = find_or_make(key_of(view, in), policy, now);
  if (entry == datagrams_.end()) return Reason::fragment_limit;
  const auto reason = range_refusal(entry->second, range_of(view));
  if (!reason) entry->second.seen.push_back(range_of(view));
  return reason;
}

Fragments::Preview Fragments::preview(const PacketView& view, Realm in, const Policy& policy,
                                      TimePoint now) const {
  if (view.later_fragment() && inside_header(view)) return {Reason::fragment_tiny};
  const auto known = datagrams_.find(key_of(view, in));
  const bool fresh = known == datagrams_.end() || known->second.deadline() <= now;
  if (fresh && policy.limits.fragments == 0) {
    return {.reason = Reason::fragment_limit, .limit = "limits.fragments"};
  }
  std::uint32_t waiting = 0;
  if (!fresh) {
    const Datagram& datagram = known->second;
    if (const auto reason = range_refusal(datagram, range_of(view))) return {*reason};
    if (view.later_fragment() && datagram.decision) {
      const Reason reason = datagram.decision->reason;
      return {action_of(reason) == Action::drop ? Reason::fragment_of_refused : reason, &*datagram.decision};
    }
    for (const Held& held : datagram.held) waiting += static_cast<std::uint32_t>(held.octets.size());
  }
  if (!view.later_fragment()) return {Reason::translated};
  // Everybody else's would be given up for it.
  const bool room = waiting + view.total_length() <= share_of_octets(policy);
  if (room) return {Reason::fragment_held};
  return {.reason = Reason::fragment_limit, .limit = "limits.fragment-bytes"};
}

void Fragments::decide(const DatagramKey& key, const FragmentDecision& decision, TimePoint deadline) {
  const auto entry = datagrams_.find(key);
  if (entry == datagrams_.end() || entry->second.decision) return;
  Datagram& datagram = entry->second;
  decided_.splice(decided_.end(), waiting_, datagram.position);
  no_longer_waiting(key.source, datagram);
  datagram.decision = decision;
  deadlines_.erase(datagram.due);
  datagram.due = deadlines_.emplace(deadline, key);
  for (Held& held : datagram.held) {
    PacketView view;
    if (PacketView::parse(held.octets, view)) continue;
    const Verdict verdict = apply(decision, view);
    released_.push_back({held.token, verdict, std::move(held.octets), key.in});
  }
  datagram.held.clear();
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

Fragments::Range Fragments::range_of(const PacketView& view) {
  return {static_cast<std::uint32_t>(view.fragment_offset()),
          static_cast<std::uint32_t>(view.fragment_offset() + view.transport_length())};
}

std::optional<Reason> Fragments::range_refusal(const Datagram& datagram, Range range) {
  for (const Range& other : datagram.seen) {
    if (range.begin < other.end && other.begin < range.end) return Reason::fragment_overlap;
  }
  if (datagram.seen.size() >= kMostFragments) return Reason::fragment_limit;
  return std::nullopt;
}

Fragments::Map::iterator Fragments::find_or_make(const DatagramKey& key, const Policy& policy,
                                                 TimePoint now) {
  const auto known = datagrams_.find(key);
  if (known != datagrams_.end()) {
    if (known->second.deadline() > now) return known;
    remove(known, Reason::fragment_timeout);
  }
  if (!evict(key.source, policy)) return datagrams_.end();
  const auto entry = datagrams_.try_emplace(key).first;
  entry->second.position = waiting_.insert(waiting_.end(), key);
  entry->second.due = deadlines_.emplace(now + policy.timeouts.fragment_wait, key);
  ++waiting_of_source_[key.source].datagrams;
  return entry;
}

bool Fragments::evict(Address source, const Policy& policy) {
  const std::uint32_t most = policy.limits.fragments;
  if (most == 0) return false;
  const auto own = waiting_of_source_.find(source);
  if (own != waiting_of_source_.end() && own->second.datagrams >= std::max(1U, most / 4)) {
    give_up_oldest(&source, nullptr);
  }
  while (datagrams_.size() >= most) {
    const Order& order = waiting_.empty() ? decided_ : waiting_;
    remove(datagrams_.find(order.front()), Reason::fragment_limit);
  }
  return true;
}

bool Fragments::evict_octets(Map::iterator entry, std::uint32_t size, const Policy& policy) {
  const std::uint32_t most = policy.limits.fragment_bytes;
  const std::uint32_t share = share_of_octets(policy);
  const DatagramKey& key = entry->first;
  while (waiting_of_source_[key.source].bytes + size > share) {
    if (!give_up_oldest(&key.source, &key)) return false;
  }
  while (held_bytes_ + size > most) {
    if (!give_up_oldest(nullptr, &key)) return false;
  }
  return true;
}

bool Fragments::give_up_oldest(const Address* source, const DatagramKey* spared) {
  const auto oldest = std::find_if(waiting_.begin(), waiting_.end(), [&](const DatagramKey& key) {
    return (source == nullptr || key.source == *source) && (spared == nullptr || key != *spared);
  });
  if (oldest == waiting_.end()) return false;
  remove(datagrams_.find(*oldest), Reason::fragment_limit);
  return true;
}

void Fragments::no_longer_waiting(Address source, const Datagram& datagram) {
  const auto own = waiting_of_source_.find(source);
  for (const Held& held : datagram.held) {
    const auto size = static_cast<std::uint32_t>(held.octets.size());
    --held_count_;
    held_bytes_ -= size;
    own->second.bytes -= size;
  }
  if (--own->second.datagrams == 0) waiting_of_source_.erase(own);
}

void Fragments::remove(Map::iterator entry, Reason reason) {
  Datagram& datagram = entry->second;
  if (!datagram.decision) no_longer_waiting(entry->first.source, datagram);
  for (Held& held : datagram.held) {
    released_.push_back({held.token, {.reason = reason}, std::move(held.octets), entry->first.in});
  }
  order_of(datagram).erase(datagram.position);
  deadlines_.erase(datagram.due);
  datagrams_.erase(entry);
}

bool Fragments::expire(TimePoint now, unsigned budget) {
  for (; next_deadline() <= now; --budget) {
    if (budget == 0) return true;
    remove(datagrams_.find(deadlines_.begin()->second), Reason::fragment_timeout);
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
  return true;
}

}  // namespace nat
