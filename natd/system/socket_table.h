// The sockets of the gateway itself: its ssh server, its resolver, its own clients. natd must neither take
// their packets nor give their ports to a mapping, so it asks the kernel (sock_diag(7)) which there are.
//
// refresh() reads all of them now and then; serves() looks up the one that a single packet is about, for
// sockets that came after the last refresh().
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <vector>

#include "natd/system/event_loop.h"
#include "translation/base/time.h"
#include "translation/policy/policy.h"
#include "translation/ports/local_sockets.h"

namespace nat {

// The sockets of the gateway itself, which keep working whatever natd does: ports by protocol.
struct LocalPorts {
  PortSet tcp;
  PortSet udp;
  bool operator==(const LocalPorts&) const = default;
};

// Where a socket is bound, as the kernel reports it. IPv6 sockets count as well, because they take IPv4
// packets unless they say otherwise (RFC 3493 section 5.3).
struct BoundSocket {
  bool ipv6 = false;
  bool ipv6_only = false;
  std::array<std::uint32_t, 4> address{};  // words in network order; an IPv4 address is the first
  std::uint16_t port = 0;

  // Whether an IPv4 packet to one of these addresses of the gateway could reach it.
  bool reachable(const std::vector<Address>& addresses) const;
};

class SocketTable : public LocalSockets {
 public:
  // Throws std::system_error when the kernel has no sock_diag.
  SocketTable();

  // Reads all TCP and UDP sockets of this network namespace; those bound to no address or to one of
  // `external` count, those of the loopback or the internal side do not. From one thread; throws
  // std::system_error.
  LocalPorts refresh(const std::vector<Address>& external);

  // Any thread. Asks the kernel at most kLookupsPerSecond times a second, beyond that answers from the last
  // refresh(). ICMP that no mapping claims is for the gateway.
  bool serves(Protocol protocol, Endpoint local, Endpoint remote) override;
  // Any thread. A socket that came after the last refresh() is looked up in the same way, as far as it is
  // bound to no address.
  bool in_use(Protocol protocol, std::uint16_t port) override;

  static constexpr unsigned kLookupsPerSecond = 2000;

 private:
  bool may_look_up();

  Descriptor dump_socket_;
  Descriptor lookup_socket_;
  std::mutex mutex_;  // guards what follows, and lookup_socket_
  LocalPorts ports_;
  std::uint32_t sequence_ = 0;
  TimePoint second_{};
  unsigned lookups_ = 0;
};

}  // namespace nat
