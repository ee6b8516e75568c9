// What the control server may ask of the daemon, and nothing more: the engine under its lock, the settings,
// and to change them. The server's thread calls these; the daemon's own thread may reload at the same time.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "config/diagnostic.h"
#include "config/settings.h"
#include "natd/engine/port_forwards.h"
#include "natd/engine/shared_engine.h"
#include "natd/observe/drop_log.h"
#include "natd/system/links.h"

namespace nat {

// What an edit wants instead of the settings that it gets, or why it wants nothing.
using Edit = std::function<Result<Settings>(const Settings&)>;

// What a change of settings did. Nothing was changed when there are problems, or a refusal.
struct ChangeReport {
  Diagnostics problems;  // the edit's
  std::string refusal;   // the daemon's
  Settings before, after;
  ApplyReport report;
  std::vector<std::string> refused;  // port forwards that could not be made, with the reason
};

class Service {
 public:
  virtual ~Service() = default;

  virtual SharedEngine& shared_engine() = 0;

  // In force now.
  virtual Settings settings() = 0;
  // Runs the edit on the settings in force, with nothing else changing them meanwhile, and puts its result in
  // force at once, until the next reload or restart. One that changes what only counts at start (interfaces,
  // datapath, control socket) is refused.
  virtual ChangeReport change(const Edit& edit) = 0;
  // As they are in the engine, in the order of the settings.
  virtual std::vector<PortForwards::Entry> port_forwards() = 0;
  // What was refused of late. It knows what has happened up to now once the engine's events were delivered.
  virtual DropLog& drop_log() = 0;

  virtual Links links() = 0;
  virtual std::string datapath() = 0;  // "nfqueue", "tun"
  virtual std::vector<std::pair<std::string, std::uint64_t>> datapath_stats() = 0;
  virtual std::string version() = 0;
  virtual std::uint64_t uptime_seconds() = 0;
};

}  // namespace nat
