// What the engine costs, against the best general-purpose hash table we know, in one binary and one run.
//
// Every figure is a ratio. The machine's speed drifts; two loops that take turns drift together.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <absl/container/flat_hash_map.h>
#include <malloc.h>
#include <unistd.h>

#include "translation/engine.h"
#include "translation/net/checksum.h"
#include "translation/net/wire.h"
#include "translation/ports/port_pool.h"

namespace nat {
namespace {

constexpr std::uint32_t kSessions = 1'000'000;
constexpr std::uint32_t kMappings = 50'000;
constexpr std::uint32_t kRemotes = kSessions / kMappings;
constexpr int kRounds = 5;
constexpr std::size_t kBatch = 32;
constexpr unsigned kExpiryBudget = 256;  // as the daemon's, in natd/engine/shared_engine.cpp
constexpr Address kExternal(203, 0, 113, 11);

struct Key {
  Endpoint source, destination;
  bool operator==(const Key&) const = default;
  template <typename H>
  friend H AbslHashValue(H state, const Key& key) {
    return H::combine(std::move(state), key.source.address.value(), key.source.port,
                      key.destination.address.value(), key.destination.port);
  }
};

// What a hand-made NAT would keep for a session: where it goes, until when, how much.
struct Value {
  Endpoint external;
  std::uint64_t deadline;
  std::uint64_t bytes;
};

using Clock = std::chrono::steady_clock;

double nanoseconds_each(Clock::time_point begin, std::size_t count) {
  const auto elapsed = std::chrono::duration<double, std::nano>(Clock::now() - begin);
  return elapsed.count() / static_cast<double>(count);
}

// Time this thread has really run: a step is not to blame for another program's turn.
double processor_milliseconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

std::size_t resident_bytes() {
  std::size_t total = 0;
  std::size_t resident = 0;
  std::ifstream("/proc/self/statm") >> total >> resident;
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

Key key_of(std::uint32_t session) {
  const std::uint32_t mapping = session / kRemotes;
  const std::uint32_t remote = session % kRemotes;
  return {{Address(0x0a000000 + 1 + mapping / 50), static_cast<std::uint16_t>(2000 + mapping % 50 * 7)},
          {Address(0x08000000 + (mapping * 2654435761U >> 12) % 65536 * 32 + remote), 443}};
}

class UdpPacket {
 public:
  UdpPacket() {
    octets_[0] = 0x45;
    store16(octets_ + ip::kTotalLength, sizeof octets_);
    store16(octets_ + ip::kFragment, ip::kDontFragment);
    octets_[ip::kTtl] = 64;
    octets_[ip::kProtocol] = 17;
    store16(octets_ + 24, sizeof octets_ - 20);
    store16(octets_ + 26, 0x1234);
  }
  void address(const Key& key) {
    store32(octets_ + ip::kSource, key.source.address.value());
    store32(octets_ + ip::kDestination, key.destination.address.value());
    store16(octets_ + 20, key.source.port);
    store16(octets_ + 22, key.destination.port);
  }
  std::span<std::uint8_t> octets() { return octets_; }
  std::uint8_t* data() { return octets_; }

 private:
  alignas(64) std::uint8_t octets_[60] = {};
};

void apply_by_hand(std::uint8_t* packet, Endpoint external) {
  ChecksumDelta address;
  address.change32(load32(packet + ip::kSource), external.address.value());
  ChecksumDelta all = address;
  all.change16(load16(packet + 20), external.port);
  store32(packet + ip::kSource, external.address.value());
  store16(packet + 20, external.port);
  store16(packet + ip::kChecksum, address.apply(load16(packet + ip::kChecksum)));
  store16(packet + 26, all.apply(load16(packet + 26)));
}

Policy large_policy() {
  Policy policy;
  policy.external_addresses = {kExternal};
  policy.ports.ranges = {{1024, 65535}};
  policy.limits.mappings = 65536;
  policy.limits.sessions = kSessions;
  policy.limits.hosts = 4096;
  return policy;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void report(const char* what, double value, const char* unit, double bound) {
  std::printf("%-58s %8.2f %-22s (reach: at most %.2f) %s\n", what, value, unit, bound,
              value <= bound ? "met" : "MISSED");
}

struct Loaded {
  std::unique_ptr<Engine> engine;
  std::size_t bytes = 0;
};

Loaded load_engine(Random& random, TimePoint now) {
  Loaded loaded;
  malloc_trim(0);
  const std::size_t before = resident_bytes();
  loaded.engine = std::make_unique<Engine>(large_policy(), random, nullptr, now);
  UdpPacket packet;
  for (std::uint32_t i = 0; i < kSessions; ++i) {
    packet.address(key_of(i));
    if (loaded.engine->translate({.octets = packet.octets()}, Realm::internal, now).reason !=
        Reason::translated) {
      std::fprintf(stderr, "session %u was refused\n", i);
      std::exit(1);
    }
  }
  loaded.bytes = resident_bytes() - before;
  return loaded;
}

void bench_translate(Engine& engine, SeededRandom& random, TimePoint now) {
  absl::flat_hash_map<Key, Value> table;
  table.reserve(kSessions);
  for (std::uint32_t i = 0; i < kSessions; ++i) table[key_of(i)] = {{kExternal, 1}, 0, 0};
  std::vector<Key> order(kSessions);
  for (std::uint32_t i = 0; i < kSessions; ++i) order[i] = key_of(i);
  for (std::uint32_t i = kSessions - 1; i > 0; --i) std::swap(order[i], order[random.below(i + 1)]);

  std::vector<double> by_hand, one, batched, ratio_one, ratio_batched;
  UdpPacket packets[kBatch];
  Packet batch[kBatch];
  const Realm sides[kBatch] = {};
  UdpPacket& packet = packets[0];
  for (int round = 0; round < kRounds; ++round) {
    auto begin = Clock::now();
    for (const Key& key : order) {
      packet.address(key);
      auto& value = table.find(key)->second;
      value.deadline = static_cast<std::uint64_t>(now.time_since_epoch().count());
      value.bytes += 60;
      apply_by_hand(packet.data(), value.external);
    }
    by_hand.push_back(nanoseconds_each(begin, order.size()));

    begin = Clock::now();
    for (const Key& key : order) {
      packet.address(key);
      engine.translate({.octets = packet.octets()}, Realm::internal, now);
    }
    one.push_back(nanoseconds_each(begin, order.size()));

    begin = Clock::now();
    for (std::size_t i = 0; i + kBatch <= order.size(); i += kBatch) {
      for (std::size_t j = 0; j < kBatch; ++j) {
        packets[j].address(order[i + j]);
        batch[j] = {.octets = packets[j].octets()};
      }
      engine.prefetch(batch, sides);
      for (std::size_t j = 0; j < kBatch; ++j) {
        engine.translate(batch[j], Realm::internal, now);
      }
    }
    batched.push_back(nanoseconds_each(begin, order.size()));
    ratio_one.push_back(one.back() / by_hand.back());
    ratio_batched.push_back(batched.back() / by_hand.back());
  }
  std::printf("flat_hash_map look-up and checksums %.0f ns, translate %.0f ns, in batches of %zu %.0f ns\n",
              median(by_hand), median(one), kBatch, median(batched));
  report("translate, one packet at a time", median(ratio_one), "x look-up+checksums", 2);
  report("translate, in batches as the datapaths do", median(ratio_batched), "x look-up+checksums", 2);
}

void bench_ports(SeededRandom& random) {
  const std::array<PortRange, 1> ranges{{{1024, 65535}}};
  const auto cost = [&](PortPool& pool, unsigned used) {
    std::vector<std::uint16_t> taken;
    while (pool.used() < used) taken.push_back(*pool.pick(random, ranges, std::nullopt));
    constexpr unsigned kTries = 400'000;
    const auto begin = Clock::now();
    for (unsigned i = 0; i < kTries; ++i) {
      const auto port = pool.pick(random, ranges, std::nullopt);
      pool.release(*port, {}, TimePoint(), TimePoint());
    }
    return nanoseconds_each(begin, kTries);
  };
  std::vector<double> ratios;
  for (int round = 0; round < kRounds; ++round) {
    auto empty = std::make_unique<PortPool>();
    auto full = std::make_unique<PortPool>();
    const auto all = std::make_shared<const EligiblePorts>(std::vector<PortRange>{{1024, 65535}}, PortSet());
    empty->configure(all, 25);
    full->configure(all, 25);
    const double at_one = cost(*empty, empty->capacity() / 100);
    const double nearly_full = cost(*full, full->capacity() - full->capacity() / 1000);
    ratios.push_back(nearly_full / at_one);
  }
  report("finding a port at 99.9 % full", median(ratios), "x the cost at 1 %", 3);
}

// A packet of a known session, with the external addresses of a small pool and of large ones. The sessions
// are the same few, so that nothing but the number of addresses differs.
class ManyAddresses {
 public:
  ManyAddresses(std::uint32_t addresses, Random& random, TimePoint now) : now_(now) {
    Policy policy = large_policy();
    policy.limits.sessions = kFew;
    policy.external_addresses.clear();
    for (std::uint32_t i = 0; i < addresses; ++i) policy.external_addresses.emplace_back(0xcb007100U + i);
    engine_ = std::make_unique<Engine>(policy, random, nullptr, now);
    round();
  }
  double round() {
    UdpPacket packet;
    const auto begin = Clock::now();
    for (std::uint32_t i = 0; i < kPackets; ++i) {
      packet.address(key_of(i % kFew * kRemotes));
      engine_->translate({.octets = packet.octets()}, Realm::internal, now_);
    }
    return nanoseconds_each(begin, kPackets);
  }
  // Another policy with the same addresses and other ports, so that all are looked at.
  double apply(unsigned number) {
    Policy policy = engine_->policy();
    policy.quarantine_share = 20 + number;
    const double begin = processor_milliseconds();
    engine_->apply(policy, now_);
    return processor_milliseconds() - begin;
  }

 private:
  static constexpr std::uint32_t kFew = 1000;
  static constexpr std::uint32_t kPackets = 400'000;
  std::unique_ptr<Engine> engine_;
  TimePoint now_;
};

void bench_addresses(Random& random, TimePoint now) {
  ManyAddresses one(1, random, now), some(64, random, now), many(1024, random, now);
  std::vector<double> alone, ratio_some, ratio_many, apply_some, apply_many;
  for (unsigned round = 0; round < kRounds; ++round) {
    alone.push_back(one.round());
    ratio_some.push_back(some.round() / alone.back());
    ratio_many.push_back(many.round() / alone.back());
    apply_some.push_back(some.apply(round));
    apply_many.push_back(many.apply(round));
  }
  std::printf("a packet of a known session with one external address: %.0f ns\n", median(alone));
  report("the same with 64 external addresses", median(ratio_some), "x with one", 1.1);
  report("the same with 1024 external addresses", median(ratio_many), "x with one", 1.1);
  report("another policy for the ports of 64 external addresses", median(apply_some), "ms", 2);
  report("another policy for the ports of 1024 external addresses", median(apply_many), "ms", 32);
}

double longest_expiry_step(Engine& engine, TimePoint now) {
  now += std::chrono::hours(1);
  double longest = 0;
  TimePoint next = now;
  while (next <= now) {
    const double begin = processor_milliseconds();
    next = engine.expire(now, kExpiryBudget);
    longest = std::max(longest, processor_milliseconds() - begin);
  }
  if (engine.gauges().sessions != 0) {
    std::fprintf(stderr, "%u sessions outlived their time\n", engine.gauges().sessions);
    std::exit(1);
  }
  return longest;
}

int run() {
  SeededRandom random(1);
  const TimePoint now{};
  std::printf("%u sessions on %u mappings, random order, median of %d rounds\n", kSessions, kMappings,
              kRounds);
  Loaded loaded = load_engine(random, now);
  bench_translate(*loaded.engine, random, now);
  report("memory, all in", static_cast<double>(loaded.bytes) / kSessions, "bytes a session", 160);
  bench_ports(random);
  bench_addresses(random, now);
  // A neighbour on the same host can stretch any one step; the median of whole rounds shows what is ours.
  std::vector<double> longest{longest_expiry_step(*loaded.engine, now)};
  for (int round = 1; round < 3; ++round)
    longest.push_back(longest_expiry_step(*load_engine(random, now).engine, now));
  report("longest expiry step, all sessions due at once", median(longest), "ms", 1);
  return 0;
}

}  // namespace
}  // namespace nat

int main() { return nat::run(); }
