#include "tests/traversal/book.h"

namespace nat::traversal {

const Visitor* Book::enter(Visitor visitor, TimePoint now) {
  const Key key{visitor.protocol, visitor.name};
  auto entry = visitors_.find(key);
  if (entry == visitors_.end()) {
    if (visitors_.size() >= kVisitors) return nullptr;
    entry = visitors_.emplace(key, visitor).first;
  }
  Visitor& known = entry->second;
  if (known.run != visitor.run) return nullptr;
  const bool moved = known.external != visitor.external || known.internal != visitor.internal ||
                     known.wanted != visitor.wanted;
  if (moved) {
    part(known);
    known = std::move(visitor);
    known.nonce = 0;
  }
  known.last_heard = now;
  if (known.nonce != 0) return &known;
  if (Visitor* const other = partner_of(known)) {
    do known.nonce = draw_();
    while (known.nonce == 0);
    other->nonce = known.nonce;
  }
  return &known;
}

const Visitor* Book::partner(const Visitor& visitor) const {
  const auto entry = visitors_.find({visitor.protocol, visitor.wanted});
  if (visitor.nonce == 0 || entry == visitors_.end() || entry->second.nonce != visitor.nonce) return nullptr;
  return &entry->second;
}

Visitor* Book::find(Protocol protocol, const std::string& name, const Endpoint& external) {
  const auto entry = visitors_.find({protocol, name});
  return entry != visitors_.end() && entry->second.external == external ? &entry->second : nullptr;
}

void Book::remove(Protocol protocol, const std::string& name) {
  const auto entry = visitors_.find({protocol, name});
  if (entry == visitors_.end()) return;
  part(entry->second);
  visitors_.erase(entry);
}

void Book::expire(TimePoint now) {
  for (auto entry = visitors_.begin(); entry != visitors_.end();) {
    const bool silent = now - entry->second.last_heard > kSilence;
    if (silent) part(entry->second);
    entry = silent ? visitors_.erase(entry) : std::next(entry);
  }
}

Visitor* Book::partner_of(const Visitor& visitor) {
  const auto entry = visitors_.find({visitor.protocol, visitor.wanted});
  const bool mutual =
      entry != visitors_.end() && entry->second.wanted == visitor.name && visitor.wanted != visitor.name;
  return mutual ? &entry->second : nullptr;
}

void Book::part(Visitor& visitor) {
  if (Visitor* const other = partner_of(visitor)) other->nonce = 0;
  visitor.nonce = 0;
}

}  // namespace nat::traversal
