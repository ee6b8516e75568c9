// The daemon: reads the interfaces, builds the engine's policy from them and the settings, puts a datapath in
// place, and keeps all of it true while addresses, sockets and settings change. Takes down what it set up
// when it ends.
//
// Threads: the main one waits in the event loop; the datapath and the control server have theirs. What they
// share is the engine under its lock, and the settings and links under `state_`. `state_` is never taken with
// the engine's lock held.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "config/diagnostic.h"
#include "natd/barrier.h"
#include "natd/control/server.h"
#include "natd/control/service.h"
#include "natd/event_loop.h"
#include "natd/gateway.h"
#include "natd/host/journal.h"
#include "natd/host/local_ports.h"
#include "natd/instance.h"
#include "natd/io/link.h"
#include "natd/mapping_log.h"
#include "natd/port_memory.h"
#include "natd/random.h"
#include "natd/shortage.h"

namespace nat {

class Daemon : public Service {
 public:
  // Reads the file and the command line again, for a reload.
  using Load = std::function<Result<Settings>()>;

  Daemon(Settings settings, Load load);
  ~Daemon() override;

  // Serves until SIGTERM or SIGINT. A second one ends the process at once. Throws std::runtime_error, with
  // what was set up taken down again, when natd cannot start.
  void run();

  // --- Service
  Gateway& gateway() override { return *gateway_; }
  Settings settings() override;
  ApplyOutcome apply(const Settings& settings) override;
  Links links() override;
  std::string datapath() override { return backend_->name(); }
  std::vector<std::pair<std::string, std::uint64_t>> datapath_stats() override { return backend_->stats(); }
  std::string version() override { return NATD_VERSION; }
  std::uint64_t uptime_seconds() override;

 private:
  void set_up();
  void take_down() noexcept;
  void replace_leavings();
  void recall_ports();
  void require_interfaces() const;
  void start_datapath();
  bool try_datapath(DatapathKind kind, std::string& why_not);
  void announce();
  void serve();

  void reload();
  void adopt(const Settings& wanted);
  // Says when to look again, where an address is given time to come back.
  std::optional<TimePoint> refresh_links();
  void refresh_local_ports();
  void every_second();
  void write_mapping_log();
  void warn_of_overlaps();
  std::string status();
  ApplyReport apply_policy();
  void warn_of_misbehavior();
  void warn_of_forgetfulness();

  std::mutex state_;
  Settings settings_;
  std::vector<Exemption> exempt_;         // as last told to the datapath
  std::vector<std::string> misbehaving_;  // as last told to the log
  Settings loaded_;                       // settings_ without what natctl changed
  Links links_;
  std::optional<TimePoint> missing_since_;  // an address of the external interface

  Load load_;
  EventLoop loop_;
  TimePoint started_ = Gateway::now();
  std::optional<Instance> instance_;
  std::optional<Journal> journal_;
  std::optional<Barrier> barrier_;  // while leavings are replaced
  std::optional<LinkMonitor> monitor_;
  std::optional<LocalSockets> sockets_;
  LocalPorts local_ports_;
  KernelRandom random_;
  ShortageWatch shortages_;
  MappingLog mapping_log_;
  std::vector<std::string> overlaps_;  // as they were told last
  TimePoint next_status_{};
  std::optional<PortMemory> port_memory_;
  std::vector<RestingPort> resting_;  // what it recalled
  std::string forgetfulness_;         // as last told to the log
  std::optional<Gateway> gateway_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<ControlServer> control_;
};

// The engine's policy: the settings, with the addresses that the interfaces have.
Policy policy_for(const Settings& settings, const Links& links);

}  // namespace nat
