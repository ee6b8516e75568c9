// The sockets of the gateway itself: its ssh server, its resolver, its own clients. natd must neither take their
// packets nor give their ports to a mapping, so it asks the kernel (sock_diag(7)) which there are.
//
// refresh() reads all of them now and then; serves() looks up the one that a single packet is about, for sockets
// that came after the last refresh().
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

#include "natd/event_loop.h"
#include "natd/io/backend.h"
#include "translation/engine.h"
#include "translation/net/time.h"

namespace nat {

// One socket as the kernel reports it, and what counts of it. IPv6 sockets are here because they take IPv4 packets
// as well unless they say otherwise (RFC 3493 section 5.3).
struct BoundSocket {
  bool ipv6 = false;
  bool ipv6_only = false;
  std::uint32_t address[4] = {};  // as on the wire; an IPv4 address is address[0]
  std::uint16_t port = 0;

  // Whether an IPv4 packet from another host could reach it.
  bool reachable() const;
};

class LocalSockets : public Host {
 public:
  // Throws std::runtime_error when the kernel does not answer sock_diag requests.
  LocalSockets();
  ~LocalSockets() override;

  // Reads all TCP and UDP sockets of this network namespace. Sockets that packets from outside cannot reach (bound
  // to 127.0.0.0/8, IPv6 only) are left out. From one thread; throws std::runtime_error.
  LocalPorts refresh();

  // Any thread. Asks the kernel at most kLookupsPerSecond times a second, then answers from the last refresh().
  // Every echo and ICMP message is for the gateway that no mapping claims.
  bool serves(Protocol protocol, Endpoint local, Endpoint remote) override;
  // Any thread; from the last refresh().
  bool in_use(Protocol protocol, std::uint16_t port) override;

  static constexpr unsigned kLookupsPerSecond = 2000;

 private:
  bool may_look_up();

  Descriptor dump_socket_;
  Descriptor lookup_socket_;
  std::mutex mutex_;  // guards all below and lookup_socket_
  LocalPorts ports_;
  std::uint32_t sequence_ = 0;
  std::int64_t second_ = 0;
  unsigned lookups_ = 0;
};

}  // namespace nat
