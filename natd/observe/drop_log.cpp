#include "natd/observe/drop_log.h"

#include <algorithm>
#include <utility>

namespace nat {
namespace {

// How often one kind is explained anew.
constexpr Duration kExplanationAge = std::chrono::seconds(1);

std::int64_t second_of(TimePoint time) {
  return std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count();
}

// What the mapping ended of, "expired (udp.timeout)".
std::string cause_text(const DropLog::Ended& ended) {
  if (ended.cause != RemovalCause::expired) return to_string(ended.cause);
  return ended.mapping.protocol == Protocol::tcp
             ? "its last connection expired"
             : std::string("expired, silent for ") + to_string(ended.mapping.protocol) + ".timeout";
}

bool found_nothing(Reason reason) {
  return reason == Reason::no_mapping || reason == Reason::unsolicited_syn ||
         reason == Reason::tcp_no_session || reason == Reason::echo_no_session;
}

}  // namespace

std::size_t DropLog::KeyHash::operator()(const Key& key) const {
  return siphash13(secret, std::uint64_t{key.source.address.value()} << 32 | key.destination.address.value(),
                   std::uint64_t{key.source.port} << 48 | std::uint64_t{key.destination.port} << 32 |
                       std::uint64_t{key.protocol} << 16 | static_cast<std::uint64_t>(key.reason) << 8 |
                       static_cast<std::uint64_t>(key.in));
}

DropLog::Key DropLog::key_of(const Refusal& refusal) {
  return {refusal.reason, refusal.in, refusal.ip_protocol, refusal.source, refusal.destination};
}

DropLog::Class& DropLog::class_of(const Key& key) {
  return classes_[2 * static_cast<std::size_t>(key.reason) + static_cast<std::size_t>(key.in)];
}

bool DropLog::spend_token(Class& of, TimePoint now) {
  constexpr std::int64_t kDepth = std::int64_t{kNewInSecond} * 1000;
  const std::int64_t elapsed = std::clamp<std::int64_t>((now - of.refilled).count(), 0, 1000);
  of.tokens = std::min(kDepth, of.tokens + elapsed * kNewInSecond);
  of.refilled = now;
  if (of.tokens < 1000) return false;
  of.tokens -= 1000;
  return true;
}

void DropLog::forget(Kinds::iterator kind) {
  --class_of(kind->first).kinds;
  kinds_.erase(kind);
}

void DropLog::forget_old(TimePoint now) {
  for (auto it = kinds_.begin(); it != kinds_.end();) {
    const auto kind = it++;
    if (kind->second.last + kMemory <= now) forget(kind);
  }
}

// The class that is full, or the largest one, gives its oldest kind.
void DropLog::evict(const Key& key, TimePoint now) {
  if (class_of(key).kinds < kMostOfClass && kinds_.size() < kMostKinds) return;
  forget_old(now);
  const Class* giving = &class_of(key);
  if (giving->kinds < kMostOfClass) {
    if (kinds_.size() < kMostKinds) return;
    giving = &*std::max_element(classes_.begin(), classes_.end(),
                                [](const Class& a, const Class& b) { return a.kinds < b.kinds; });
  }
  auto oldest = kinds_.end();
  for (auto it = kinds_.begin(); it != kinds_.end(); ++it) {
    if (&class_of(it->first) != giving) continue;
    if (oldest == kinds_.end() || it->second.last < oldest->second.last) oldest = it;
  }
  if (oldest != kinds_.end()) forget(oldest);
}

void DropLog::count_unlisted(TimePoint now) {
  const std::int64_t second = second_of(now);
  Unlisted& slot = unlisted_[static_cast<std::size_t>(second) % unlisted_.size()];
  if (slot.second != second) slot = {second, 0};
  ++slot.packets;
}

std::uint64_t DropLog::unlisted(TimePoint now) const {
  std::uint64_t packets = 0;
  for (const Unlisted& slot : unlisted_) {
    if (slot.second > second_of(now) - static_cast<std::int64_t>(unlisted_.size())) packets += slot.packets;
  }
  return packets;
}

void DropLog::refused(const Refusal& refusal, TimePoint now) {
  asked_ = nullptr;
  const Key key = key_of(refusal);
  auto known = kinds_.find(key);
  if (known == kinds_.end()) {
    if (!spend_token(class_of(key), now)) return count_unlisted(now);
    evict(key, now);
    known = kinds_.try_emplace(key).first;
    ++class_of(key).kinds;
    known->second.number = next_number_++;
    known->second.refusal = refusal;
    known->second.refusal.octets = {};
    known->second.first = now;
    asked_ = &known->second;
  } else if (known->second.explained + kExplanationAge <= now) {
    asked_ = &known->second;
  }
  Kind& kind = known->second;
  ++kind.packets;
  kind.bytes += refusal.length;
  kind.last = now;
}

bool DropLog::wants_trace(const Refusal&) { return asked_ != nullptr; }

void DropLog::explained(const Refusal& refusal, const Explanation& explanation, TimePoint now) {
  if (asked_ == nullptr) return;
  Kind& kind = *std::exchange(asked_, nullptr);
  kind.octets.clear();
  if (refusal.octets.size() <= kMostOctets) kind.octets.assign(refusal.octets.begin(), refusal.octets.end());
  kind.refusal = refusal;
  kind.refusal.octets = kind.octets;
  kind.explanation = explanation;
  kind.explained = now;
  if (const auto protocol = protocol_of(refusal.ip_protocol)) {
    add_history(kind.explanation, *protocol, refusal.in, refusal.source, refusal.destination, now);
  }
}

std::vector<const DropLog::Kind*> DropLog::kinds(TimePoint now) {
  forget_old(now);
  std::vector<const Kind*> all;
  for (const auto& [key, kind] : kinds_) all.push_back(&kind);
  std::sort(all.begin(), all.end(), [](const Kind* a, const Kind* b) {
    return a->last != b->last ? a->last > b->last : a->number > b->number;
  });
  return all;
}

const DropLog::Kind* DropLog::find(std::uint64_t number, TimePoint now) {
  forget_old(now);
  const auto found = std::find_if(kinds_.begin(), kinds_.end(),
                                  [number](const auto& kind) { return kind.second.number == number; });
  return found == kinds_.end() ? nullptr : &found->second;
}

const DropLog::Kind* DropLog::find(const Probe& probe, TimePoint now) {
  for (const Kind* kind : kinds(now)) {
    const Refusal& refusal = kind->refusal;
    if (refusal.in == probe.in && refusal.source == probe.source &&
        refusal.destination == probe.destination &&
        refusal.ip_protocol == static_cast<std::uint8_t>(probe.protocol)) {
      return kind;
    }
  }
  return nullptr;
}

void DropLog::mapping_removed(const MappingView& mapping, RemovalCause cause, TimePoint now) {
  if (ended_.size() == kMostEnded) ended_.pop_front();
  // It was over when it expired, not when somebody came to clear it away.
  ended_.push_back({mapping, cause, cause == RemovalCause::expired ? std::min(mapping.expires, now) : now});
}

const DropLog::Ended* DropLog::ended(Protocol protocol, Endpoint endpoint) const {
  const auto found = std::find_if(ended_.rbegin(), ended_.rend(), [&](const Ended& ended) {
    return ended.mapping.protocol == protocol &&
           (ended.mapping.external == endpoint || ended.mapping.internal == endpoint);
  });
  return found == ended_.rend() ? nullptr : &*found;
}

void DropLog::add_history(Explanation& explanation, Protocol protocol, Realm in, Endpoint source,
                          Endpoint destination, TimePoint now) const {
  if (!found_nothing(explanation.reason)) return;
  const Ended* past = ended(protocol, destination);
  if (past == nullptr && in == Realm::internal) past = ended(protocol, source);
  if (past == nullptr) return;
  const auto ago = std::chrono::floor<std::chrono::seconds>(now - past->at).count();
  const MappingView& mapping = past->mapping;
  Step step{"history", "ended",
            std::to_string(mapping.id) + ": " + mapping.internal.to_string() + " = " +
                mapping.external.to_string() + " until " + std::to_string(ago) +
                " s ago: " + cause_text(*past)};
  const bool judged = !explanation.steps.empty() && explanation.steps.back().name == "verdict";
  explanation.steps.insert(explanation.steps.end() - (judged ? 1 : 0), std::move(step));
}

}  // namespace nat
