// How long natctl, a reload and a change of addresses keep packets waiting: each is done to an engine whose
// tables are as full as the default limits let one address be, and the longest hold of the engine's lock is
// what a packet waits at worst. The commands are the control server's own handlers, without the socket.
//
// Each operation finds a gateway of its own, filled anew; medians of some rounds. Times are those of the
// clock on the wall, so another program's turn is in them: a machine with nothing else to do gives steady
// numbers.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "natd/control/handlers.h"
#include "natd/control/service.h"
#include "natd/engine/random.h"
#include "natd/system/clock.h"
#include "translation/net/wire.h"

namespace nat {
namespace {

constexpr std::uint32_t kHosts = 4000;
constexpr std::uint32_t kMappings = 60'000;
constexpr std::uint32_t kSessionsOfMapping = 4;  // of limits.sessions, 262,144
constexpr std::uint32_t kForwards = 4000;
constexpr int kRounds = 5;

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "control_bench: %s\n", what.c_str());
  std::exit(1);
}

std::vector<Address> addresses(std::uint32_t count, std::uint32_t first = 0xcb007100) {
  std::vector<Address> all;
  for (std::uint32_t i = 0; i < count; ++i) all.emplace_back(first + i);
  return all;
}

Address host(std::uint32_t number) { return Address(0x0a000001 + number % kHosts); }

std::vector<PortForward> forwards(std::uint32_t count) {
  std::vector<PortForward> all;
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto port = static_cast<std::uint16_t>(20000 + i);
    all.push_back({Protocol::tcp, {Address(), port}, {host(i), port}, "forward-" + std::to_string(i)});
  }
  return all;
}

class NoOutput : public PacketOutput {
 public:
  void release(const Released&) override {}
  void send(const GeneratedPacket&) noexcept override {}
};

// The daemon as the control server sees it, without a datapath.
class Gateway : public Service {
 public:
  Gateway(std::uint32_t address_count, std::uint32_t forward_count)
      : addresses_(addresses(address_count)),
        settings_(with_forwards(forward_count)),
        engine_(policy(), random_, nullptr) {
    engine_.subscribe(drop_log_);
    forwards_.sync(settings_.port_forwards, true);
  }

  SharedEngine& shared_engine() override { return engine_; }
  Settings settings() override { return settings_; }
  ChangeReport change(const Edit& edit) override {
    ChangeReport changed;
    changed.before = changed.after = settings_;
    auto wanted = edit(settings_);
    if (!wanted) fail(wanted.problems().front().message);
    const bool other_policy = wanted->policy != settings_.policy;
    settings_ = changed.after = *wanted;
    if (other_policy) apply();
    changed.refused = forwards_.sync(settings_.port_forwards, false);
    return changed;
  }
  std::vector<PortForwards::Entry> port_forwards() override { return forwards_.entries(); }
  DropLog& drop_log() override { return drop_log_; }
  Links links() override { return {}; }
  std::string datapath() override { return "none"; }
  std::vector<std::pair<std::string, std::uint64_t>> datapath_stats() override { return {}; }
  std::string version() override { return "0"; }
  std::uint64_t uptime_seconds() override { return 0; }

  void move_to(std::vector<Address> addresses) {
    addresses_ = std::move(addresses);
    apply();
    forwards_.sync(settings_.port_forwards, true);
  }
  Gauges gauges() { return engine_.lock()->gauges(); }

  // 60,000 mappings with 240,000 sessions.
  void fill() {
    for (std::uint32_t mapping = 0; mapping < kMappings; ++mapping) {
      const auto engine = engine_.lock(LockPurpose::packets);
      for (std::uint32_t remote = 0; remote < kSessionsOfMapping; ++remote)
        send(*engine, mapping, remote, engine.now());
    }
    if (gauges().mappings != kMappings + settings_.port_forwards.size()) fail("the mappings were not made");
  }

  // Until nothing is due any more, as the daemon's timer does.
  void settle() {
    NoOutput output;
    // The clock is read after expire() has returned; within one expression either may come first.
    for (TimePoint next{}; next <= monotonic_now();) next = engine_.expire(output);
  }

  // The longest that a packet waited for anything but other packets, since the gateway was made.
  std::chrono::nanoseconds longest_hold() {
    const LockHoldsByPurpose holds = engine_.lock().holds();
    std::chrono::nanoseconds longest{0};
    for (const LockPurpose purpose : kLockPurposes) {
      if (purpose == LockPurpose::packets) continue;
      longest = std::max(longest, holds[static_cast<std::size_t>(purpose)].longest);
    }
    return longest;
  }

 private:
  static Settings with_forwards(std::uint32_t count) {
    Settings settings;
    settings.port_forwards = forwards(count);
    return settings;
  }

  Policy policy() const {
    Policy policy = settings_.policy;
    policy.external_addresses = addresses_;
    policy.internal_address = Address(10, 255, 255, 254);
    return policy;
  }

  ApplyReport apply() {
    Policy wanted = policy();
    const auto engine = engine_.lock(LockPurpose::apply);
    return engine->apply(std::move(wanted), engine.now());
  }

  static void send(Engine& engine, std::uint32_t mapping, std::uint32_t remote, TimePoint now) {
    std::uint8_t packet[28] = {0x45, 0, 0, 28, 0, 0, 0x40, 0, 64, 17};
    store32(packet + ip::kSource, host(mapping).value());
    store32(packet + ip::kDestination, 0x08000000 + mapping * kSessionsOfMapping + remote);
    store16(packet + 20, static_cast<std::uint16_t>(1024 + mapping / kHosts));
    store16(packet + 22, 443);
    store16(packet + 24, 8);
    if (engine.translate({.octets = packet}, Realm::internal, now).reason != Reason::translated) {
      fail("a packet was refused");
    }
  }

  KernelRandom random_;
  std::vector<Address> addresses_;
  Settings settings_;
  SharedEngine engine_;
  DropLog drop_log_{random_};
  PortForwards forwards_{engine_};
};

// The answer, drained as the server does.
std::string ask(Gateway& gateway, const Request& request) {
  const std::unique_ptr<Reply> reply = handle(gateway, request);
  std::string all;
  while (reply->next(all)) {
  }
  if (all.find("\"error\"") != std::string::npos) fail(all);
  return all;
}

// As many refused packets as the drop log keeps, each with its account. Packets do this, so it counts as
// theirs.
void fill_drop_log(Gateway& gateway) {
  constexpr Reason kReasons[] = {Reason::no_mapping,      Reason::filtered_by_port, Reason::unsolicited_syn,
                                 Reason::tcp_no_session,  Reason::echo_no_session,  Reason::spoofed_source,
                                 Reason::ports_exhausted, Reason::host_limit};
  std::uint32_t number = 0;
  for (const Reason reason : kReasons) {
    for (std::size_t i = 0; i < DropLog::kMostOfClass; ++i) {
      const TimePoint at =
          monotonic_now() - std::chrono::seconds(10) + std::chrono::seconds(i / DropSampler::kTracedInSecond);
      const Endpoint remote{Address(0xc6336400 + ++number), 4000};
      const Endpoint external{addresses(1).front(), 999};
      const DropEvent drop{.at = at,
                           .reason = reason,
                           .in = Realm::external,
                           .ip_protocol = 17,
                           .length = 60,
                           .source = remote,
                           .destination = external};
      const Probe probe{
          .protocol = Protocol::udp, .in = Realm::external, .source = remote, .destination = external};
      const auto engine = gateway.shared_engine().lock(LockPurpose::packets);
      const TracedDrop traced{.octets = std::vector<std::uint8_t>(60),
                              .explanation = engine->explain(probe, engine.now())};
      gateway.drop_log().dropped(drop, &traced);
    }
  }
  if (gateway.drop_log().kinds(monotonic_now()).size() < DropLog::kMostKinds)
    fail("the drop log is not full");
}

// --- What is measured: one function for each, done to a gateway that was filled.

void change_policy(Gateway& gateway) {
  Request request;
  request.command = ControlCommand::set;
  request.assignments = {"udp.filtering=endpoint-independent"};
  ask(gateway, request);
}

void add_host_rule(Gateway& gateway) {
  Request request;
  request.command = ControlCommand::set;
  request.assignments = {"hosts.rule=10.0.0.0/16 udp: udp.timeout=10min"};
  ask(gateway, request);
}

void flush_all(Gateway& gateway) {
  Request request;
  request.command = ControlCommand::flush;
  ask(gateway, request);
  gateway.settle();
  if (gateway.gauges().mappings != 0) fail("mappings are left");
}

void change_addresses(Gateway& gateway) {
  gateway.move_to(addresses(1, 0xc6336401));
  gateway.settle();
  if (gateway.gauges().mappings != 0) fail("mappings are left: " + std::to_string(gateway.gauges().mappings));
}

void forward_thousands(Gateway& gateway) {
  const ChangeReport changed = gateway.change([](const Settings& running) -> Result<Settings> {
    Settings settings = running;
    settings.port_forwards = forwards(kForwards);
    return settings;
  });
  gateway.settle();
  if (!changed.refused.empty()) fail(changed.refused.front());
  if (gateway.gauges().mappings != kMappings + kForwards) fail("port forwards are missing");
}

void forward_one_more(Gateway& gateway) {
  Request request;
  request.command = ControlCommand::port_forward_add;
  request.forward = {Protocol::tcp, {Address(), 8443}, {host(1), 443}, "one-more"};
  ask(gateway, request);
}

void show_refused(Gateway& gateway) {
  Request request;
  request.command = ControlCommand::show_refused;
  ask(gateway, request);
}

void trace_refused(Gateway& gateway) {
  Request request;
  request.command = ControlCommand::trace;
  request.trace.number = 1;
  ask(gateway, request);
}

void show_mappings(Gateway& gateway) {
  Request request;
  request.command = ControlCommand::show_mappings;
  ask(gateway, request);
}

struct Operation {
  const char* name;
  std::uint32_t addresses;
  std::uint32_t forwards;
  void (*prepare)(Gateway&);
  void (*run)(Gateway&);
};

constexpr Operation kOperations[] = {
    {"set udp.filtering", 1, 0, nullptr, change_policy},
    {"set hosts.rule", 1, 0, nullptr, add_host_rule},
    {"flush", 1, 0, nullptr, flush_all},
    {"another external address", 1, 0, nullptr, change_addresses},
    {"4,000 port forwards at once", 1, 0, nullptr, forward_thousands},
    {"a port forward beside 4,000", 1, kForwards, nullptr, forward_one_more},
    {"a port forward, 64 external addresses", 64, 0, nullptr, forward_one_more},
    {"show refused, the drop log full", 1, 0, fill_drop_log, show_refused},
    {"trace of a refused packet", 1, 0, fill_drop_log, trace_refused},
    {"show mappings", 1, 0, nullptr, show_mappings},
};

struct Cost {
  double total, longest;  // milliseconds
};

double milliseconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

Cost measure(const Operation& operation) {
  Gateway gateway(operation.addresses, operation.forwards);
  gateway.fill();
  if (operation.prepare != nullptr) operation.prepare(gateway);
  const auto begin = monotonic_nanoseconds();
  operation.run(gateway);
  return {milliseconds(monotonic_nanoseconds() - begin), milliseconds(gateway.longest_hold())};
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

int run() {
  std::printf("%u mappings of %u hosts, %u sessions; median of %d rounds\n", kMappings, kHosts,
              kMappings * kSessionsOfMapping, kRounds);
  std::printf("%-40s %12s %15s\n", "", "total, ms", "longest hold, ms");
  for (const Operation& operation : kOperations) {
    std::vector<double> total, longest;
    for (int round = 0; round < kRounds; ++round) {
      const Cost cost = measure(operation);
      total.push_back(cost.total);
      longest.push_back(cost.longest);
    }
    std::printf("%-40s %12.2f %15.3f\n", operation.name, median(total), median(longest));
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace
}  // namespace nat

int main() { return nat::run(); }
