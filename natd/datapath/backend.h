// A datapath: takes packets from the kernel, has the engine translate them, hands them back. All that differs
// between netfilter queues and a TUN device (hooks, routes, segmentation offload, partial checksums) stays
// behind this interface; the engine sees whole IP packets only.
//
// Life: construct, install() what it needs in the kernel, start() its threads, stop() them, uninstall().
// Errors of install() and start() are std::runtime_error with a sentence for the operator.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "natd/engine/shared_engine.h"
#include "natd/system/links.h"
#include "natd/system/socket_table.h"

namespace nat {

class Backend : public PacketOutput {
 public:
  virtual const char* name() const = 0;  // "nfqueue", "tun"
  virtual void install(const Links& links, const LocalPorts& local) = 0;
  virtual void uninstall() noexcept = 0;
  virtual void start(SharedEngine& engine) = 0;
  virtual void stop() noexcept = 0;

  // While running, from the daemon's main thread.
  virtual void links_changed(const Links& links) = 0;
  virtual void local_ports_changed(const LocalPorts& local) = 0;
  // Something else has changed rules of netfilter.
  virtual void ruleset_changed() = 0;
  // From any thread. Those of the settings are in place once the datapath is installed.
  virtual void exemptions_changed(const std::vector<Exemption>& exempt) = 0;

  // Packets lost because natd's queue was full, since start().
  virtual std::uint64_t overruns() const = 0;
  // Counters for `natctl show stats`: {"queue-overruns", 0}, ...
  virtual std::vector<std::pair<std::string, std::uint64_t>> stats() const = 0;
};

}  // namespace nat
