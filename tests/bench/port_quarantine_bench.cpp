// What it costs to keep the port quarantine over a restart (natd/store/port_quarantine.h): mappings begun and
// ended by an engine with that memory against one without, in turns, in one run.
//
// The file lies in /dev/shm, which is memory as /run is.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "natd/store/port_quarantine.h"
#include "tests/support/events.h"
#include "translation/engine.h"
#include "translation/net/wire.h"

namespace nat {
namespace {

constexpr std::uint32_t kMappings = 50'000;
constexpr int kRounds = 21;

using Clock = std::chrono::steady_clock;

Policy large_policy() {
  Policy policy;
  policy.external_addresses = {Address(203, 0, 113, 11)};
  policy.ports.ranges = {{1024, 65535}};
  policy.limits.mappings = 65536;
  policy.limits.hosts = 4096;
  policy.limits.mapping_rate_per_host = 0;
  return policy;
}

// One engine with its clock, and the directory of its memory when it has one.
class Side {
 public:
  explicit Side(bool remembers) : engine_(large_policy(), random_, nullptr, now_) {
    if (!remembers) return;
    std::string pattern = "/dev/shm/natd-bench-XXXXXX";
    if (mkdtemp(pattern.data()) == nullptr) fail("cannot make a directory in /dev/shm");
    directory_ = pattern;
    memory_.emplace(directory_);
  }
  ~Side() {
    memory_.reset();
    if (!directory_.empty()) std::filesystem::remove_all(directory_);
  }
  Side(const Side&) = delete;
  Side& operator=(const Side&) = delete;

  // Nanoseconds for each mapping to begin, and to end.
  struct Cost {
    double begin, end;
  };
  Cost round() {
    const double begin = timed([this] {
      for (std::uint32_t i = 0; i < kMappings; ++i) map(i);
      hear();
    });
    now_ += std::chrono::hours(1);
    const double end = timed([this] { expire(); });
    if (engine_.gauges().mappings != 0) fail("mappings outlived their time");
    // And their ports come out of quarantine.
    now_ += std::chrono::hours(1);
    expire();
    if (memory_ && !memory_->problem().empty()) fail(memory_->problem());
    return {begin, end};
  }

 private:
  template <typename Action>
  static double timed(Action action) {
    const auto begin = Clock::now();
    action();
    return std::chrono::duration<double, std::nano>(Clock::now() - begin).count() / kMappings;
  }

  [[noreturn]] static void fail(const std::string& what) {
    std::fprintf(stderr, "port_quarantine_bench: %s\n", what.c_str());
    std::exit(1);
  }

  // Events are read as often as the daemon does at this rate, so that none is missed.
  void hear() {
    if (!memory_) return;
    Event event;
    std::uint64_t missed = 0;
    while (engine_.events().changes().read(heard_, {&event, 1}, missed) > 0) memory_->changed(event);
    if (missed > 0) fail("events were missed");
  }

  void expire() {
    while (engine_.expire(now_, 256) <= now_) hear();
    hear();
  }

  // From a host's port that is as good as random.
  void map(std::uint32_t number) {
    std::uint8_t packet[28] = {0x45, 0, 0, 28, 0, 0, 0x40, 0, 64, 17};
    store32(packet + ip::kSource, 0x0a000001 + number / 50);
    store32(packet + ip::kDestination, 0x08080808);
    store16(packet + 20, static_cast<std::uint16_t>(1024 + number * 2654435761U % 64512));
    store16(packet + 22, 443);
    store16(packet + 24, 8);
    if (engine_.translate({.octets = packet}, Realm::internal, now_).reason != Reason::translated) {
      fail("a mapping was refused");
    }
    if (number % 256 == 0) hear();
  }

  SeededRandom random_{1};
  RingCursor heard_;
  TimePoint now_{std::chrono::hours(1)};
  Engine engine_;
  std::string directory_;
  std::optional<PortQuarantine> memory_;
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

int run() {
  Side without(false);
  Side with(true);
  std::vector<double> plain, begin, end, ratio;
  for (int round = 0; round < kRounds; ++round) {
    const Side::Cost one = without.round();
    const Side::Cost other = with.round();
    plain.push_back(one.begin + one.end);
    begin.push_back(other.begin / one.begin);
    end.push_back(other.end / one.end);
    ratio.push_back((other.begin + other.end) / plain.back());
  }
  std::printf("%u mappings, median of %d rounds\n", kMappings, kRounds);
  std::printf("a mapping begins and ends in %.0f ns, %.0f a second\n", median(plain), 1e9 / median(plain));
  std::printf("with the memory: beginning %.2f x, ending %.2f x, both %.2f x\n", median(begin), median(end),
              median(ratio));
  return 0;
}

}  // namespace
}  // namespace nat

int main() { return nat::run(); }
