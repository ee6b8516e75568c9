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
#include "natd/control/server.h"
#include "natd/control/service.h"
#include "natd/datapath/backend.h"
#include "natd/engine/random.h"
#include "natd/engine/shared_engine.h"
#include "natd/observe/drop_log.h"
#include "natd/observe/exhaustion.h"
#include "natd/observe/mapping_log.h"
#include "natd/store/port_quarantine.h"
#include "natd/system/clock.h"
#include "natd/system/event_loop.h"
#include "natd/system/forward_block.h"
#include "natd/system/instance.h"
#include "natd/system/journal.h"
#include "natd/system/links.h"
#include "natd/system/socket_table.h"

namespace nat {

class Daemon : public Service {
 public:
  // Reads the file and the command line again, for a reload.
  using Load = std::function<Result<Settings>()>;

  Daemon(Settings settings, Load load);
  ~Daemon() override;

  // Serves until SIGTERM or SIGINT, or until SIGUSR1, after which nothing passes until the next start. A
  // second one ends the process at once. Returns whether everything that was set up could be taken down
  // again; the log says what could not. Throws std::runtime_error, with what was set up taken down again,
  // when natd cannot start.
  bool run();

  // --- Service
  SharedEngine& shared_engine() override { return *engine_; }
  Settings settings() override;
  ChangeReport change(const Edit& edit) override;
  std::vector<PortForwards::Entry> port_forwards() override;
  DropLog& drop_log() override { return *drop_log_; }
  Links links() override;
  std::string datapath() override { return backend_->name(); }
  std::vector<std::pair<std::string, std::uint64_t>> datapath_stats() override { return backend_->stats(); }
  std::string version() override { return NATD_VERSION; }
  std::uint64_t uptime_seconds() override;

 private:
  void set_up();
  bool take_down() noexcept;
  bool take_back() noexcept;
  void shut_the_way();
  void load_quarantine();
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
  void leave_out_mapped(Protocol protocol, PortSet& ports, const std::vector<Address>& addresses);
  void follow_ruleset();
  void every_second();
  void write_mapping_log();
  void warn_of_overlaps();
  std::string status();
  // What the settings and links are now, put into the engine. Say with `pool_changed` whether the addresses
  // did.
  struct Applied {
    ApplyReport report;
    std::vector<std::string> refused;  // port forwards
  };
  Applied apply_policy(bool pool_changed);
  void quarantine_ports();
  void deliver_events();
  void warn_of_misbehavior();
  void warn_of_quarantine_problem();

  std::mutex state_;
  Settings settings_;
  std::vector<Exemption> exempt_;         // as the datapath has them
  std::vector<std::string> misbehaving_;  // as last logged
  Settings loaded_;                       // settings_ without what natctl changed
  Links links_;
  std::optional<TimePoint> missing_since_;  // an address of the external interface

  Load load_;
  EventLoop loop_;
  Wakeup events_wait_{loop_, [this] { deliver_events(); }};
  TimePoint started_ = monotonic_now();
  std::optional<Instance> instance_;
  std::optional<Journal> journal_;
  std::optional<ForwardBlock> forward_block_;
  bool stays_shut_ = false;  // the way, when natd ends now
  std::optional<LinkMonitor> monitor_;
  std::optional<SocketTable> sockets_;
  LocalPorts local_ports_;  // as the datapath has them
  std::uint32_t ruleset_generation_ = 0;
  KernelRandom random_;
  ExhaustionWatch exhaustion_;
  MappingLog mapping_log_;
  std::vector<std::string> overlaps_;  // as last logged
  TimePoint next_status_{};
  std::optional<DropLog> drop_log_;
  std::optional<PortForwards> port_forwards_;
  std::optional<Policy> applied_policy_;
  std::optional<PortQuarantine> port_quarantine_;
  std::vector<QuarantinedPort> quarantined_;  // what it recalled
  std::string quarantine_problem_;            // as last logged
  std::optional<SharedEngine> engine_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<ControlServer> control_;
};

// The engine's policy: the settings, with the addresses that the interfaces have, and with the internal
// networks that addresses and routes tell of where the settings name none.
Policy policy_for(const Settings& settings, const Links& links);

}  // namespace nat
