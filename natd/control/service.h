// What the control server may ask of the daemon, and nothing more: the engine under its lock, the settings,
// and to change them. The server's thread calls these; the daemon's own thread may reload at the same time.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "config/settings.h"
#include "natd/engine/shared_engine.h"
#include "natd/system/links.h"

namespace nat {

// What a change of settings did. Nothing was changed when `error` says something.
struct ApplyOutcome {
  std::string error;
  ApplyReport report;
};

class Service {
 public:
  virtual ~Service() = default;

  virtual SharedEngine& shared_engine() = 0;

  // In force now.
  virtual Settings settings() = 0;
  // Takes effect at once, until the next reload or restart. Settings that only count at start (interfaces,
  // datapath, control socket) must be those of settings().
  virtual ApplyOutcome apply(const Settings& settings) = 0;

  virtual Links links() = 0;
  virtual std::string datapath() = 0;  // "nfqueue", "tun"
  virtual std::vector<std::pair<std::string, std::uint64_t>> datapath_stats() = 0;
  virtual std::string version() = 0;
  virtual std::uint64_t uptime_seconds() = 0;
};

}  // namespace nat
