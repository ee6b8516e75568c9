#include "tests/model/naive_fragments.h"

#include <algorithm>

namespace nat::test {

std::optional<Reason> NaiveFragments::first(const Piece& piece, const Policy& policy, TimePoint now) {
  settle(now);
  const auto datagram = find_or_make(piece, policy, now);
  if (const auto reason = misfit(*datagram, piece)) return reason;
  datagram->seen.push_back(piece);
  return std::nullopt;
}

void NaiveFragments::decide(const Piece& piece, Reason reason, const Policy& policy, TimePoint now) {
  const auto datagram = find_or_make(piece, policy, now);
  datagram->decision = reason;
  datagram->until = now + policy.timeouts.fragment_lifetime;
  for (const Piece& held : datagram->held) {
    owed[held.token] = action_of(reason) == Action::drop ? Reason::fragment_of_refused : reason;
  }
  datagram->held.clear();
  datagrams_.splice(datagrams_.end(), datagrams_, datagram);
}

Reason NaiveFragments::later(const Piece& piece, const Policy& policy, TimePoint now) {
  settle(now);
  // RFC 1858: it begins inside the header of the segment.
  if (piece.protocol == Protocol::tcp && piece.begin < 20) return Reason::fragment_tiny;
  const auto datagram = find_or_make(piece, policy, now);
  if (const auto reason = misfit(*datagram, piece)) return *reason;
  if (!datagram->decision && !evict(piece, policy)) return Reason::fragment_limit;
  datagram->seen.push_back(piece);
  if (datagram->decision) {
    return action_of(*datagram->decision) == Action::drop ? Reason::fragment_of_refused : *datagram->decision;
  }
  datagram->held.push_back(piece);
  return Reason::fragment_held;
}

void NaiveFragments::settle(TimePoint now) {
  for (auto at = datagrams_.begin(); at != datagrams_.end();) {
    const auto datagram = at++;
    if (datagram->until <= now) give_up(datagram, Reason::fragment_timeout);
  }
}

NaiveFragments::Datagrams::iterator NaiveFragments::find_or_make(const Piece& piece, const Policy& policy,
                                                                 TimePoint now) {
  const auto known = std::find_if(datagrams_.begin(), datagrams_.end(),
                                  [&](const Datagram& other) { return other.key.same_datagram(piece); });
  if (known != datagrams_.end()) return known;
  // One source may have a quarter of the places waiting; then the oldest of all goes, those that wait first.
  const std::size_t most = policy.limits.fragments;
  const auto waiting = std::count_if(datagrams_.begin(), datagrams_.end(), [&](const Datagram& other) {
    return !other.decision && other.key.source == piece.source;
  });
  if (static_cast<std::size_t>(waiting) >= std::max<std::size_t>(1, most / 4)) {
    give_up(oldest(&piece.source, nullptr), Reason::fragment_limit);
  }
  while (datagrams_.size() >= most) give_up(datagrams_.begin(), Reason::fragment_limit);
  const auto behind = std::find_if(datagrams_.begin(), datagrams_.end(),
                                   [](const Datagram& other) { return other.decision.has_value(); });
  return datagrams_.insert(behind, {piece, {}, now + policy.timeouts.fragment_wait, {}, {}});
}

NaiveFragments::Datagrams::iterator NaiveFragments::oldest(const Address* source, const Piece* spared) {
  return std::find_if(datagrams_.begin(), datagrams_.end(), [&](const Datagram& other) {
    return !other.decision && (source == nullptr || other.key.source == *source) &&
           (spared == nullptr || !other.key.same_datagram(*spared));
  });
}

std::optional<Reason> NaiveFragments::misfit(const Datagram& datagram, const Piece& piece) {
  for (const Piece& other : datagram.seen) {
    if (piece.begin < other.end && other.begin < piece.end) return Reason::fragment_overlap;
  }
  if (datagram.seen.size() >= 128) return Reason::fragment_limit;
  return std::nullopt;
}

std::uint32_t NaiveFragments::octets_held(const Address* source) const {
  std::uint32_t octets = 0;
  for (const Datagram& datagram : datagrams_) {
    if (source != nullptr && datagram.key.source != *source) continue;
    for (const Piece& held : datagram.held) octets += held.size;
  }
  return octets;
}

// A quarter of the octets for one source, or one datagram of the largest size; others are given up for it.
bool NaiveFragments::evict(const Piece& piece, const Policy& policy) {
  const std::uint32_t most = policy.limits.fragment_bytes;
  const std::uint32_t share = std::min(most, std::max(most / 4, 65535U));
  for (const auto& [source, limit] :
       {std::pair(&piece.source, share), std::pair<const Address*, std::uint32_t>(nullptr, most)}) {
    while (octets_held(source) + piece.size > limit) {
      const auto victim = oldest(source, &piece);
      if (victim == datagrams_.end()) return false;
      give_up(victim, Reason::fragment_limit);
    }
  }
  return true;
}

void NaiveFragments::give_up(Datagrams::iterator datagram, Reason reason) {
  for (const Piece& held : datagram->held) owed[held.token] = reason;
  datagrams_.erase(datagram);
}

}  // namespace nat::test
