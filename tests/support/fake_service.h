// The daemon without a machine around it: an engine under its lock, settings under one of their own, as the
// daemon holds them, and links that are always there. Any thread, like the daemon.
#pragma once

#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "natd/control/service.h"
#include "natd/engine/random.h"
#include "tests/support/packet_builder.h"

namespace nat::test {

class FakeService : public Service {
 public:
  // The external address is 203.0.113.11, that of the internal interface 10.0.0.254.
  explicit FakeService(const Settings& settings = {})
      : engine_(policy(settings), random_, nullptr), settings_(settings) {
    engine_.subscribe(drop_log_);
  }

  SharedEngine& shared_engine() override { return engine_; }
  Settings settings() override {
    const std::lock_guard hold(mutex_);
    return settings_;
  }
  ChangeReport change(const Edit& edit) override {
    const std::lock_guard hold(mutex_);
    ChangeReport changed;
    changed.before = changed.after = settings_;
    const auto wanted = edit(settings_);
    if (!wanted) {
      changed.problems = wanted.problems();
      return changed;
    }
    settings_ = changed.after = *wanted;
    {
      const auto engine = engine_.lock(LockPurpose::apply);
      changed.report = engine->apply(policy(settings_), engine.now());
    }
    changed.refused = forwards_.sync(settings_.port_forwards, false);
    return changed;
  }
  std::vector<PortForwards::Entry> port_forwards() override {
    const std::lock_guard hold(mutex_);
    return forwards_.entries();
  }
  DropLog& drop_log() override { return drop_log_; }
  Links links() override {
    return {"lan0", "wan0", 1, 2, address("10.0.0.254"), {address("203.0.113.11")}, 1500};
  }
  std::string datapath() override { return "nfqueue"; }
  std::vector<std::pair<std::string, std::uint64_t>> datapath_stats() override {
    return {{"queue-overruns", 0}};
  }
  std::string version() override { return "9.9.9"; }
  std::uint64_t uptime_seconds() override { return 5; }

 private:
  static Policy policy(const Settings& settings) {
    Policy policy = settings.policy;
    policy.external_addresses = {address("203.0.113.11")};
    return policy;
  }

  SeededRandom random_{1};
  SharedEngine engine_;
  DropLog drop_log_{random_};
  PortForwards forwards_{engine_};
  std::mutex mutex_;
  Settings settings_;
};

// A datapath that sends nothing.
class NoOutput : public PacketOutput {
 public:
  void release(const Released&) override {}
  void send(const GeneratedPacket&) noexcept override {}
};

}  // namespace nat::test
