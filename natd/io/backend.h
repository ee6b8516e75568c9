// A datapath: takes packets from the kernel, has the engine translate them, hands them back. All that differs
// between netfilter queues and a TUN device (hooks, routes, segmentation offload, partial checksums) stays
// behind this interface; the engine sees whole IP packets only.
//
// Life: construct, install() what it needs in the kernel, start() its threads, stop() them, uninstall().
// Errors of install() and start() are std::runtime_error with a sentence for people.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "translation/engine.h"

namespace nat {

class Gateway;

// The network around the daemon, as natd/io/link.h reads it from the kernel.
struct Links {
  std::string internal;
  std::string external;
  unsigned internal_index = 0;
  unsigned external_index = 0;
  Address internal_address;  // the gateway's own, towards the hosts
  std::vector<Address>
      external_addresses;  // the pool: those of the interface, then the configured extra ones
  unsigned external_mtu = 1500;
  std::vector<Prefix> internal_networks{};  // of the addresses that the two interfaces have
  std::vector<Prefix> external_networks{};
  bool operator==(const Links&) const = default;
};

// The sockets of the gateway itself, which keep working whatever natd does: ports by protocol.
struct LocalPorts {
  PortSet tcp;
  PortSet udp;
  bool operator==(const LocalPorts&) const = default;
};

class Backend {
 public:
  virtual ~Backend() = default;

  virtual const char* name() const = 0;  // "nfqueue", "tun"
  virtual void install(const Links& links, const LocalPorts& local) = 0;
  virtual void uninstall() noexcept = 0;
  virtual void start(Gateway& gateway) = 0;
  virtual void stop() noexcept = 0;

  // While running, from the daemon's main thread.
  virtual void links_changed(const Links& links) = 0;
  virtual void local_ports_changed(const LocalPorts& local) = 0;
  // From any thread. Those of the settings are in place once the datapath is installed.
  virtual void exemptions_changed(const std::vector<Exemption>& exempt) = 0;

  // A held packet goes on or is dropped. Called from any thread, with the engine's lock held.
  virtual void release(const Released& released) = 0;
  // A packet of natd's own goes to its side. Called like release().
  virtual void send(const OwnPacket& own) noexcept = 0;

  // Counters for `natctl show stats`: {"queue-overruns", 0}, ...
  virtual std::vector<std::pair<std::string, std::uint64_t>> stats() const = 0;
};

}  // namespace nat
