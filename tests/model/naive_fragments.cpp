#include "tests/model/naive_fragments.h"

#include <algorithm>

namespace nat::test {
namespace {

constexpr std::uint32_t kPieces = 128;
constexpr std::uint32_t kOverhead = 256;  // of a fragment held, beside its octets

struct Bounds {
  std::uint32_t most, share;
};

// A quarter for one source, or one datagram of the largest size in the most pieces.
Bounds bounds_of(int room, const Limits& limits) {
  const std::uint32_t most[] = {limits.fragments, limits.held_fragments, limits.fragment_bytes};
  const std::uint32_t least[] = {1, kPieces, 65535 + kPieces * kOverhead};
  return {most[room], std::min(most[room], std::max(most[room] / 4, least[room]))};
}

}  // namespace

bool NaiveFragments::Datagram::complete() const {
  std::vector<Piece> pieces = seen;
  std::sort(pieces.begin(), pieces.end(), [](const Piece& a, const Piece& b) { return a.begin < b.begin; });
  std::uint32_t next = 0;
  for (const Piece& piece : pieces) {
    if (piece.begin != next) return false;
    next = piece.end;
  }
  return !pieces.empty() && pieces.back().last;
}

std::optional<Reason> NaiveFragments::first(const Piece& piece, const Policy& policy, TimePoint now) {
  settle(now);
  auto datagram = find(piece);
  if (datagram != datagrams_.end()) {
    if (const auto reason = misfit(*datagram, piece)) return reason;
  } else {
    if (!make_room(places, piece, 1, nullptr, policy)) return Reason::fragment_limit;
    datagram = make(piece, policy, now);
  }
  datagram->seen.push_back(piece);
  return std::nullopt;
}

void NaiveFragments::decide(const Piece& piece, Reason reason, const Policy& policy, TimePoint now) {
  const auto datagram = find(piece);
  datagram->decision = reason;
  datagram->until = now + policy.timeouts.fragment_lifetime;
  for (const Piece& held : datagram->held) {
    owed[held.token] = action_of(reason) == Action::drop ? Reason::fragment_of_refused : reason;
  }
  datagram->held.clear();
  if (datagram->complete()) forget(datagram);
}

Reason NaiveFragments::later(const Piece& piece, const Policy& policy, TimePoint now) {
  settle(now);
  // RFC 1858: it begins inside the header of the segment.
  if (piece.protocol == Protocol::tcp && piece.begin < 20) return Reason::fragment_tiny;
  auto datagram = find(piece);
  const bool known = datagram != datagrams_.end();
  if (known) {
    if (const auto reason = misfit(*datagram, piece)) return *reason;
    if (datagram->decision) {
      const Reason reason = *datagram->decision;
      datagram->seen.push_back(piece);
      if (datagram->complete()) forget(datagram);
      return action_of(reason) == Action::drop ? Reason::fragment_of_refused : reason;
    }
  }
  // No other datagram loses anything for one that cannot be held in any case.
  std::uint32_t own = piece.size + kOverhead;
  std::uint32_t pieces = 1;
  if (known) {
    for (const Piece& held : datagram->held) own += held.size + kOverhead, ++pieces;
  }
  const Limits& limits = policy.limits;
  if (limits.fragments == 0 || pieces > bounds_of(fragments, limits).share ||
      own > bounds_of(bytes, limits).share) {
    return Reason::fragment_limit;
  }
  if (!known && !make_room(places, piece, 1, nullptr, policy)) return Reason::fragment_limit;
  const Piece* spared = known ? &piece : nullptr;
  if (!make_room(fragments, piece, 1, spared, policy) ||
      !make_room(bytes, piece, piece.size + kOverhead, spared, policy)) {
    return Reason::fragment_limit;
  }
  if (!known) datagram = make(piece, policy, now);
  datagram->seen.push_back(piece);
  datagram->held.push_back(piece);
  return Reason::fragment_held;
}

void NaiveFragments::settle(TimePoint now) {
  for (auto at = datagrams_.begin(); at != datagrams_.end();) {
    const auto datagram = at++;
    if (datagram->until <= now) give_up(datagram, Reason::fragment_timeout);
  }
}

NaiveFragments::Datagrams::iterator NaiveFragments::find(const Piece& piece) {
  return std::find_if(datagrams_.begin(), datagrams_.end(),
                      [&](const Datagram& other) { return other.key.same_datagram(piece); });
}

NaiveFragments::Datagrams::iterator NaiveFragments::make(const Piece& piece, const Policy& policy,
                                                         TimePoint now) {
  if (completed_.erase(piece.name()) > 0) ++reached_.begun_anew;
  if (std::find(sources_.begin(), sources_.end(), piece.source) == sources_.end()) {
    sources_.push_back(piece.source);
  }
  return datagrams_.insert(datagrams_.end(), {piece, {}, now + policy.timeouts.fragment_wait, {}, {}});
}

std::optional<Reason> NaiveFragments::misfit(const Datagram& datagram, const Piece& piece) {
  for (const Piece& other : datagram.seen) {
    const bool overlap = piece.begin < other.end && other.begin < piece.end;
    const bool beyond = other.last && (piece.last || piece.end > other.end);
    if (overlap || beyond || (piece.last && other.end > piece.end)) return Reason::fragment_overlap;
  }
  if (datagram.seen.size() >= kPieces) return Reason::fragment_limit;
  return std::nullopt;
}

std::uint32_t NaiveFragments::used(Room room, const Address* source) const {
  std::uint32_t sum = 0;
  for (const Datagram& datagram : datagrams_) {
    if (source != nullptr && datagram.key.source != *source) continue;
    if (room == places) ++sum;
    for (const Piece& held : datagram.held) {
      if (room == fragments) ++sum;
      if (room == bytes) sum += held.size + kOverhead;
    }
  }
  return sum;
}

NaiveFragments::Datagrams::iterator NaiveFragments::oldest(Room room, const Address* source,
                                                           const Piece* spared) {
  return std::find_if(datagrams_.begin(), datagrams_.end(), [&](const Datagram& other) {
    return (room == places || !other.held.empty()) && (source == nullptr || other.key.source == *source) &&
           (spared == nullptr || !other.key.same_datagram(*spared));
  });
}

// Who uses most gives way, if it is more than a part; else the oldest of all goes.
NaiveFragments::Datagrams::iterator NaiveFragments::first_to_go(Room room, std::uint32_t part,
                                                                const Piece* spared) {
  const Address* greatest = nullptr;
  for (const Address& source : sources_) {
    if (used(room, &source) > (greatest == nullptr ? part : used(room, greatest))) greatest = &source;
  }
  if (greatest != nullptr) {
    const auto own = oldest(room, greatest, spared);
    if (own != datagrams_.end()) return own;
  }
  return oldest(room, nullptr, spared);
}

bool NaiveFragments::make_room(Room room, const Piece& piece, std::uint32_t more, const Piece* spared,
                               const Policy& policy) {
  const auto [most, share] = bounds_of(room, policy.limits);
  if (more > share) return false;
  while (used(room, &piece.source) + more > share) {
    const auto victim = oldest(room, &piece.source, spared);
    if (victim == datagrams_.end()) return false;
    note_eviction(reached_.share[room]);
    give_up(victim, Reason::fragment_limit);
  }
  while (used(room, nullptr) + more > most) {
    const auto victim = first_to_go(room, most / 64, spared);
    if (victim == datagrams_.end()) return false;
    note_eviction(reached_.all[room]);
    give_up(victim, Reason::fragment_limit);
  }
  return true;
}

void NaiveFragments::note_eviction(std::uint64_t& count) {
  ++count;
  const auto decided = std::count_if(datagrams_.begin(), datagrams_.end(),
                                     [](const Datagram& datagram) { return datagram.decision.has_value(); });
  const bool both = decided > 0 && static_cast<std::size_t>(decided) < datagrams_.size();
  if (both && sources_.size() > 1) ++reached_.waiting_beside_decided;
}

void NaiveFragments::give_up(Datagrams::iterator datagram, Reason reason) {
  for (const Piece& held : datagram->held) owed[held.token] = reason;
  forget(datagram);
}

void NaiveFragments::forget(Datagrams::iterator datagram) {
  const Address source = datagram->key.source;
  if (datagram->decision && datagram->complete()) completed_.insert(datagram->key.name());
  datagrams_.erase(datagram);
  if (used(places, &source) == 0) sources_.remove(source);
}

}  // namespace nat::test
