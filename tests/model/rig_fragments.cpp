// The part of the rig that sends datagrams in fragments.
#include <algorithm>

#include "tests/model/byte_judge.h"
#include "tests/model/rig.h"
#include "tests/support/checksums.h"
#include "tests/support/fragments.h"
#include "translation/net/wire.h"

namespace nat::test {

// Each piece is sent when its turn comes, in any order, with others in between; some are
// lost, some come twice.

void Rig::cut_up(const Words& words, const Octets& packet) {
  // Segments are often cut behind their header, for the sake of those that get through.
  const std::size_t size = 8 * ((words.protocol == Protocol::tcp && chance(70) ? 3 : 1) + below(3));
  const std::vector<Octets> pieces = cut(packet, size);
  if (pieces.size() == 1) return send_whole(words, packet);
  const std::uint64_t number = next_token_++;
  Datagram& datagram = datagrams_[number];
  datagram.words = words;
  datagram.packet = packet;
  datagram.pieces = pieces.size();
  for (const Octets& piece : pieces) {
    if (chance(8)) continue;
    for (int times = chance(8) ? 2 : 1; times > 0; --times) pieces_.push_back({number, piece});
  }
  // And now and then one that overlaps others in part.
  if (chance(15)) {
    const std::vector<Octets> others = cut(packet, size + 8);
    if (others.size() > 1) {
      pieces_.push_back({number, others[below(static_cast<std::uint32_t>(others.size()))]});
    }
  }
  for (std::size_t i = pieces_.size(); i > 1 && i + 8 > pieces_.size(); --i) {
    std::swap(pieces_[i - 1], pieces_[below(static_cast<std::uint32_t>(i))]);
  }
  if (datagrams_.size() > 200) datagrams_.erase(datagrams_.begin());
}

// Its identification returns, at once or when the pieces are long gone.
void Rig::cut_up_again() {
  if (datagrams_.empty()) return;
  auto datagram = datagrams_.begin();
  std::advance(datagram, below(static_cast<std::uint32_t>(datagrams_.size())));
  const Words words = datagram->second.words;
  const Octets packet = datagram->second.packet;
  cut_up(words, packet);
}

void Rig::send_piece() {
  for (std::uint32_t count = 1 + below(8); count > 0 && !pieces_.empty() && failure_.empty(); --count) {
    Waiting next = std::move(pieces_.back());
    pieces_.pop_back();
    const auto datagram = datagrams_.find(next.datagram);
    if (datagram == datagrams_.end()) continue;
    const Words& words = datagram->second.words;
    const std::size_t header = (next.octets[0] & 0x0fU) * 4;
    const std::uint32_t begin = (load16(next.octets.data() + ip::kFragment) & ip::kOffsetMask) * 8U;
    const auto end = static_cast<std::uint32_t>(begin + next.octets.size() - header);
    const Piece piece{words.source.address,
                      words.destination.address,
                      identification_of(next.octets),
                      words.protocol,
                      words.in,
                      begin,
                      end,
                      (load16(next.octets.data() + ip::kFragment) & ip::kMoreFragments) == 0,
                      static_cast<std::uint32_t>(next.octets.size()),
                      next_token_++};
    doing_ = "octets " + std::to_string(begin) + " to " + std::to_string(end) + " of " + in_words(words);
    if (begin == 0) {
      send_first(piece, next.datagram, std::move(next.octets));
    } else {
      datagram_of_[piece.token] = next.datagram;
      const Outcome outcome =
          gateway_.translate(next.octets, words.in, ChecksumState::complete, false, piece.token);
      const bool ours = words.in == Realm::internal || naive_.is_external(words.destination.address);
      const Reason expected = naive_.is_external(piece.source)            ? Reason::spoofed_source
                              : naive_.is_foreign(words.in, piece.source) ? Reason::foreign_source
                              : !ours                                     ? Reason::not_ours
                                      : fragments_.later(piece, naive_.policy(), gateway_.now());
      if (outcome.reason != expected) {
        fail(std::string("the engine says ") + to_string(outcome.reason) + ", expected " +
             to_string(expected));
      }
      if (outcome.forwarded()) passed(next.datagram, outcome);
    }
    if (profile_.exact) sweep();
    take_released();
  }
}

void Rig::send_first(const Piece& piece, std::uint64_t number, Octets octets) {
  Datagram& datagram = datagrams_.at(number);
  const Words& words = datagram.words;
  const Before before = this->before();
  const Octets packet = octets;
  const Outcome outcome = gateway_.translate(std::move(octets), words.in);
  const bool tiny = words.protocol == Protocol::tcp && piece.end < 20;
  const bool ours = words.in == Realm::internal || naive_.is_external(words.destination.address);
  Expected expected;
  if (tiny) {
    expected.reason = Reason::fragment_tiny;
  } else if (naive_.is_external(piece.source)) {
    expected.reason = Reason::spoofed_source;
  } else if (naive_.is_foreign(words.in, piece.source)) {
    expected.reason = Reason::foreign_source;
  } else if (!ours) {
    expected.reason = Reason::not_ours;
  } else if (const auto refused = fragments_.first(piece, naive_.policy(), gateway_.now())) {
    expected.reason = *refused;
  } else {
    expected = naive_.judge(words, choices_since(before, words), gateway_.now());
    fragments_.decide(piece, outcome.reason, naive_.policy(), gateway_.now());
  }
  if (outcome.reason != expected.reason && outcome.reason != expected.or_reason) {
    return fail(std::string("the first fragment met ") + to_string(outcome.reason) + ", expected " +
                to_string(expected.reason));
  }
  check_answer(words, packet, outcome, expected.answer);
  if (!outcome.forwarded()) return;
  datagram.expected = expected;
  // Of which only what stands in the first piece is seen.
  datagram.rewritten = naive_.policy().misbehavior.payload_rewriting;
  passed(number, outcome);
}

// A piece is through; with the last of them, what arrives must be the datagram.
void Rig::passed(std::uint64_t number, const Outcome& outcome) {
  const auto found = datagrams_.find(number);
  if (found == datagrams_.end()) return;
  Datagram& datagram = found->second;
  datagram.through.push_back(outcome.packet);
  if (!datagram.expected || datagram.through.size() != datagram.pieces) return;
  // Of a datagram that was forgotten in between, another first fragment may have been translated anew.
  const auto whole = join(datagram.through);
  if (!whole || datagram.rewritten) return;
  Octets before = datagram.packet;
  store16(before.data() + ip::kFragment, 0);
  fix_ip_checksum(before);
  const Expected& expected = *datagram.expected;
  const std::string wrong = judge_octets(before, *whole, expected.source, expected.destination,
                                         datagram.words.in == Realm::internal);
  if (!wrong.empty()) fail("fragments: " + wrong);
  ++reassembled_;
}

// Held pieces go on, or are given up, as the naive memory says.
void Rig::take_released() {
  fragments_.settle(gateway_.now());
  for (const auto& [token, outcome] : gateway_.released()) {
    const auto owed = fragments_.owed.find(token);
    if (owed == fragments_.owed.end()) {
      return fail(std::string("a held fragment was let go before its time: ") + to_string(outcome.reason));
    }
    if (owed->second != outcome.reason) {
      return fail(std::string("a held fragment met ") + to_string(outcome.reason) + ", expected " +
                  to_string(owed->second));
    }
    if (outcome.forwarded()) passed(datagram_of_[token], outcome);
    fragments_.owed.erase(owed);
    datagram_of_.erase(token);
  }
  if (profile_.exact && !fragments_.owed.empty()) fail("a fragment is still held");
}

}  // namespace nat::test
