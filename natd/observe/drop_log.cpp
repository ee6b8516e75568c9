#include "natd/observe/drop_log.h"

#include <algorithm>
#include <utility>

namespace nat {
namespace {

std::int64_t second_of(TimePoint time) {
  return std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count();
}

// What the mapping ended of, "expired, silent for icmp.timeout". Media that are only received end in full
// flow (RFC 4787 REQ-6), which looks like no silence at all.
std::string cause_text(const DropLog::Ended& ended) {
  if (ended.cause != RemovalCause::expired) return to_string(ended.cause);
  switch (ended.mapping.protocol) {
    case Protocol::tcp:
      return "its last connection expired";
    case Protocol::udp:
      return "expired, silent for udp.timeout; inbound packets do not refresh it unless udp.inbound-refresh "
             "= yes";
    case Protocol::icmp:
      break;
  }
  return "expired, silent for icmp.timeout";
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

DropLog::Key DropLog::key_of(const DropEvent& drop) {
  return {drop.reason, drop.in, drop.ip_protocol, drop.source, drop.destination};
}

DropLog::Class& DropLog::class_of(const Key& key) {
  return classes_[2 * static_cast<std::size_t>(key.reason) + static_cast<std::size_t>(key.in)];
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

void DropLog::count_unlisted(TimePoint now, std::uint64_t packets) {
  const std::int64_t second = second_of(now);
  Unlisted& slot = unlisted_[static_cast<std::size_t>(second) % unlisted_.size()];
  if (slot.second != second) slot = {second, 0};
  slot.packets += packets;
  last_ = std::max(last_, now);
}

std::uint64_t DropLog::unlisted(TimePoint now) const {
  const std::lock_guard lock(mutex_);
  std::uint64_t packets = 0;
  for (const Unlisted& slot : unlisted_) {
    if (slot.second > second_of(now) - static_cast<std::int64_t>(unlisted_.size())) packets += slot.packets;
  }
  return packets;
}

void DropLog::missed(std::uint64_t /*changes*/, std::uint64_t drops) {
  const std::lock_guard lock(mutex_);
  count_unlisted(last_, drops);
}

void DropLog::dropped(const DropEvent& drop, const TracedDrop* traced) {
  const std::lock_guard lock(mutex_);
  last_ = std::max(last_, drop.at);
  const Key key = key_of(drop);
  auto known = kinds_.find(key);
  if (known == kinds_.end()) {
    if (traced == nullptr) return count_unlisted(drop.at, 1);
    evict(key, drop.at);
    known = kinds_.try_emplace(key).first;
    ++class_of(key).kinds;
    known->second.number = next_number_++;
    known->second.first = drop.at;
  }
  Kind& kind = known->second;
  ++kind.packets;
  kind.bytes += drop.length;
  kind.last = drop.at;
  kind.drop = drop;
  if (traced == nullptr) return;
  kind.octets = traced->octets;
  kind.explanation = traced->explanation;
  kind.explained = drop.at;
  if (const auto protocol = protocol_of(drop.ip_protocol)) {
    put_history(kind.explanation, *protocol, drop.in, drop.source, drop.destination, drop.at);
  }
}

std::vector<DropLog::Kind> DropLog::kinds(TimePoint now) {
  std::vector<Kind> all;
  {
    const std::lock_guard lock(mutex_);
    forget_old(now);
    for (const auto& [key, kind] : kinds_) all.push_back(kind);
  }
  std::sort(all.begin(), all.end(), [](const Kind& a, const Kind& b) {
    return a.last != b.last ? a.last > b.last : a.number > b.number;
  });
  return all;
}

std::optional<DropLog::Kind> DropLog::find(std::uint64_t number, TimePoint now) {
  const std::lock_guard lock(mutex_);
  forget_old(now);
  const auto found = std::find_if(kinds_.begin(), kinds_.end(),
                                  [number](const auto& kind) { return kind.second.number == number; });
  return found == kinds_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<DropLog::Kind> DropLog::find(const Probe& probe, TimePoint now) {
  const std::lock_guard lock(mutex_);
  forget_old(now);
  const Kind* latest = nullptr;
  for (const auto& [key, kind] : kinds_) {
    const bool between = key.in == probe.in && key.source == probe.source &&
                         key.destination == probe.destination &&
                         key.protocol == static_cast<std::uint8_t>(probe.protocol);
    if (between && (latest == nullptr || kind.last > latest->last)) latest = &kind;
  }
  return latest == nullptr ? std::nullopt : std::optional(*latest);
}

void DropLog::changed(const Event& event) {
  if (event.kind != EventKind::mapping_ended) return;
  const std::lock_guard lock(mutex_);
  if (ended_.size() == kMostEnded) ended_.pop_front();
  // It was over when it expired, not when it was cleared away.
  const bool expired = event.cause == RemovalCause::expired;
  ended_.push_back(
      {mapping_view(event), event.cause, expired ? std::min(event.expires, event.at) : event.at});
}

const DropLog::Ended* DropLog::find_ended(Protocol protocol, Endpoint endpoint) const {
  const auto found = std::find_if(ended_.rbegin(), ended_.rend(), [&](const Ended& ended) {
    return ended.mapping.protocol == protocol &&
           (ended.mapping.external == endpoint || ended.mapping.internal == endpoint);
  });
  return found == ended_.rend() ? nullptr : &*found;
}

std::optional<DropLog::Ended> DropLog::ended(Protocol protocol, Endpoint endpoint) const {
  const std::lock_guard lock(mutex_);
  const Ended* const found = find_ended(protocol, endpoint);
  return found == nullptr ? std::nullopt : std::optional(*found);
}

void DropLog::add_history(Explanation& explanation, Protocol protocol, Realm in, Endpoint source,
                          Endpoint destination, TimePoint now) const {
  const std::lock_guard lock(mutex_);
  put_history(explanation, protocol, in, source, destination, now);
}

void DropLog::put_history(Explanation& explanation, Protocol protocol, Realm in, Endpoint source,
                          Endpoint destination, TimePoint now) const {
  if (!found_nothing(explanation.reason)) return;
  const Ended* past = find_ended(protocol, destination);
  if (past == nullptr && in == Realm::internal) past = find_ended(protocol, source);
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
