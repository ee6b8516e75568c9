// Engine::restore of any octets (tests/fuzz/snapshot_world.h says how an input is made up). A snapshot is
// refused as a whole and the engine is as new, or the engine goes on from it: it agrees with itself, and what
// it saves restores to the same.
//
// Most changed inputs get the checksum that belongs to them, so that what is behind it is reached.
#include <algorithm>
#include <cstring>
#include <random>

#include "tests/fuzz/agreement.h"
#include "tests/fuzz/script.h"
#include "tests/fuzz/shaped_packet.h"
#include "tests/fuzz/snapshot_world.h"
#include "tests/support/packet_builder.h"
#include "tests/support/snapshot_records.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

namespace nat::test {
namespace {

constexpr std::size_t kMostSteps = 16;
// The clock of the engine that restores, later than that of any seed.
constexpr Duration kLater = std::chrono::hours(1);
constexpr EventsKept kKept{.changes = 512, .drops = 256};
constexpr std::size_t kEventNumber = 32;  // its place in the header

// --- What must hold.

void check_usable(TestGateway& gateway) {
  const Outcome out = gateway.from_inside(udp("10.0.0.1:2001", "192.0.2.31:2000"));
  must(out.forwarded());
  const Endpoint external = source_of(out.packet);
  must(gateway.from_outside(udp("192.0.2.31:2000", external.to_string())).forwarded());
  check_agreement(gateway);
}

void check_refused(TestGateway& gateway, SnapshotError error) {
  must(std::strcmp(to_string(error), "unknown") != 0 && error != SnapshotError::in_use);
  check_empty(gateway);
  const Gauges gauges = gateway.engine.gauges();
  must(gauges.records == 0);
  for (const Gauges::Pool& pool : gauges.pools) must(pool.quarantined == 0);
  must(gateway.count(Reason::translated) == 0 && gateway.engine.counters().mappings_created == 0);
  must(gateway.observed().events.empty());
  check_usable(gateway);
}

// Records without what differs between two engines that are alike: how many events there were, in which order
// records stand, and how places in the queue of dormant sessions are counted.
std::vector<Octets> comparable(const Octets& snapshot) {
  std::vector<Octets> records = records_of(snapshot);
  must(!records.empty());
  std::fill_n(records.front().begin() + kEventNumber, sizeof(std::uint64_t), std::uint8_t{0});
  for (Octets& record : records) {
    if (record.front() != static_cast<std::uint8_t>(SnapshotRecord::session)) continue;
    SnapshotReader in(std::span(record).subspan(1));
    SavedSession saved = read_session(in);
    if (saved.session.dormant) saved.session.deadline = 0;
    record = record_of(saved);
  }
  std::sort(records.begin() + 1, records.end());
  return records;
}

bool same(const MappingView& a, const MappingView& b) {
  return a.id == b.id && a.protocol == b.protocol && a.internal == b.internal && a.external == b.external &&
         a.behavior == b.behavior && a.remote == b.remote && a.sessions == b.sessions &&
         a.dormant == b.dormant && a.expires == b.expires && a.origin == b.origin && a.name == b.name;
}

bool same(const SessionView& a, const SessionView& b) {
  return a.mapping_id == b.mapping_id && a.protocol == b.protocol && a.state == b.state &&
         a.internal == b.internal && a.external == b.external && a.remote == b.remote &&
         a.initiator == b.initiator && a.sent_bytes == b.sent_bytes && a.received_bytes == b.received_bytes &&
         a.expires == b.expires;
}

// What the engine saves, another takes over as a whole, and saves again.
void check_saved(TestGateway& gateway, unsigned budget) {
  gateway.sweep();  // what has ended is not in a snapshot, though its host may be
  const Octets saved = gateway.snapshot(budget);
  TestGateway other(gateway.engine.policy(), 2, kKept);
  const RestoreResult result = other.engine.restore(saved, gateway.now());
  must(std::holds_alternative<Restored>(result));
  must(std::get<Restored>(result).left_out == 0);
  other.advance(gateway.now() - other.now());
  const auto alike = [](const auto& a, const auto& b) { return same(a, b); };
  must(std::ranges::equal(gateway.mappings(), other.mappings(), alike));
  must(std::ranges::equal(gateway.sessions(), other.sessions(), alike));
  must(comparable(other.snapshot()) == comparable(saved));
}

// Nothing remains when everything is ended.
void check_ends(TestGateway& gateway) {
  for (const MappingView& mapping : gateway.mappings()) {
    if (mapping.origin != Origin::dynamic) gateway.engine.unmap(mapping.id, kOperator, gateway.now());
  }
  std::uint64_t cursor = 0;
  do {
    gateway.engine.flush(
        cursor, 64, [](const MappingView&) { return true; }, gateway.now());
    gateway.observed();
  } while (cursor != 0);
  gateway.sweep();
  gateway.pass(seconds(60));
  check_empty(gateway);
}

// --- A run.

class Run {
 public:
  Run(Script& script, std::uint8_t choices, std::uint8_t capacity)
      : script_(script), gateway_(snapshot_policy(choices, capacity), 1, kKept) {
    gateway_.advance(kLater);
  }

  void all(std::span<const std::uint8_t> snapshot) {
    const RestoreResult result = gateway_.engine.restore(snapshot, gateway_.now());
    if (const auto* error = std::get_if<SnapshotError>(&result)) return check_refused(gateway_, *error);
    check_restored(snapshot, std::get<Restored>(result));
    check_saved(gateway_, 1 + script_.byte() % 64U);
    for (std::size_t steps = 0; steps < kMostSteps && !script_.done(); ++steps) {
      step(script_.byte());
      gateway_.released();
      check_agreement(gateway_, may_share_);
    }
    check_saved(gateway_, 64);
    check_ends(gateway_);
  }

 private:
  void check_restored(std::span<const std::uint8_t> snapshot, const Restored& restored) {
    // Those that share an external endpoint are told apart by their sessions only.
    for (const Octets& record : records_of(snapshot)) {
      if (record.front() != static_cast<std::uint8_t>(SnapshotRecord::mapping)) continue;
      SnapshotReader in(std::span(record).subspan(1));
      may_share_ |= read_mapping(in).mapping.shares;
    }
    gateway_.observed();
    const Gauges gauges = gateway_.engine.gauges();
    must(gauges.mappings == restored.mappings);
    // Those of a mapping that has ended may be in the tables yet.
    must(gauges.sessions <= restored.sessions && restored.sessions <= gauges.sessions + gauges.dormant);
    must(gateway_.mappings().size() <= restored.mappings);
    check_agreement(gateway_, may_share_);
  }

  void step(std::uint8_t step) {
    const Realm in = (step & 1U) != 0 ? Realm::external : Realm::internal;
    switch (step >> 1U & 3U) {
      case 0:
        gateway_.translate(shaped_packet(script_, in), in);
        return;
      case 1:
        gateway_.advance(milliseconds(100 * script_.byte()));
        if ((step & 1U) != 0) gateway_.sweep();
        return;
      case 2:
        // A day, after which little is left.
        gateway_.pass((step & 8U) != 0 ? std::chrono::hours(24) : std::chrono::hours(1));
        return;
      default:
        gateway_.map({.protocol = (step & 1U) != 0 ? Protocol::tcp : Protocol::udp,
                      .internal = {Address(10, 0, 0, 1 + (step >> 4U & 3U)), 2000},
                      .external = {Address(), static_cast<std::uint16_t>(2000 + script_.byte() % 16U)},
                      .origin = Origin::leased,
                      .owner = 1,
                      .lifetime = seconds(5)});
        gateway_.observed();
    }
  }

  Script& script_;
  TestGateway gateway_;
  bool may_share_ = false;
};

// --- How inputs are changed.

class Mutator {
 public:
  Mutator(std::vector<Octets>& records, unsigned seed) : records_(records), random_(seed) {}

  void run() {
    switch (below(8)) {
      case 0:
        if (records_.size() > 1) records_.erase(records_.begin() + later());
        return;
      case 1:
        if (records_.size() > 1) records_.insert(records_.begin() + later(), records_[any()]);
        return;
      case 2:
        if (records_.size() > 1) std::swap(records_[any()], records_[any()]);
        return;
      case 3:
      case 4:
        return copy_field();
      default:
        return change(records_[below(8) == 0 ? 0 : any()]);
    }
  }

 private:
  std::size_t below(std::size_t bound) { return random_() % bound; }
  // A record that is not the header, where there is one.
  std::size_t any() { return records_.size() == 1 ? 0 : 1 + below(records_.size() - 1); }
  std::ptrdiff_t later() { return static_cast<std::ptrdiff_t>(any()); }

  // Octets of one record to where they stand in another of its kind.
  void copy_field() {
    const Octets& from = records_[any()];
    Octets& to = records_[any()];
    if (from.front() != to.front() || from.size() < 2) return change(to);
    const std::size_t at = 1 + below(from.size() - 1);
    const std::size_t size = std::min({1 + below(8), from.size() - at, to.size() - std::min(at, to.size())});
    std::copy_n(from.begin() + static_cast<std::ptrdiff_t>(at), size,
                to.begin() + static_cast<std::ptrdiff_t>(at));
  }

  // Within its kind and length.
  static void change(Octets& record) {
    Octets body(record.begin() + 1, record.end());
    LLVMFuzzerMutate(body.data(), body.size(), body.size());
    std::copy(body.begin(), body.end(), record.begin() + 1);
  }

  std::vector<Octets>& records_;
  std::minstd_rand random_;
};

// Where the snapshot begins; the end of an input that has none.
std::size_t begin_of_snapshot(const std::uint8_t* data, std::size_t size) {
  return size < kInputHead ? size : std::min(size, kInputHead + data[kInputHead - 1]);
}

}  // namespace
}  // namespace nat::test

using namespace nat::test;

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most,
                                               unsigned seed) {
  const std::size_t begin = begin_of_snapshot(data, size);
  std::vector<Octets> records = records_of({data + begin, size - begin});
  // A part of the changes is anywhere, and the checksum does not hold.
  if (records.empty() || seed % 16 == 0) return LLVMFuzzerMutate(data, size, most);
  if (seed % 4 == 0) {
    // The choices or the script, with the length they have.
    const bool script = begin > kInputHead && seed % 3 != 0;
    LLVMFuzzerMutate(data + (script ? kInputHead : 0), script ? begin - kInputHead : 2,
                     script ? begin - kInputHead : 2);
    return size;
  }
  Mutator(records, seed / 16).run();
  const Octets snapshot = sealed(records);
  if (begin + snapshot.size() > most) return size;
  std::copy(snapshot.begin(), snapshot.end(), data + begin);
  return begin + snapshot.size();
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < kInputHead) return 0;
  const std::size_t begin = begin_of_snapshot(data, size);
  Script script(data + kInputHead, begin - kInputHead);
  Run(script, data[0], data[1]).all({data + begin, size - begin});
  return 0;
}
