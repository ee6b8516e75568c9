// The two interfaces as the kernel knows them: index, addresses, MTU, routes, read by rtnetlink, and a notice
// when they change. An interface may go away and come back while natd runs; that is a change like any other,
// and an index of 0 says that it is away.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "natd/system/event_loop.h"
#include "translation/net/address.h"

namespace nat {

// The network around the daemon, as the kernel shows it.
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
  // Where routes lead by the internal interface, in any routing table; sorted.
  std::vector<Prefix> internal_routes{};
  bool operator==(const Links&) const = default;
};

class LinkMonitor {
 public:
  // `extra`: addresses that join the pool behind those of the external interface. Throws std::runtime_error.
  LinkMonitor(std::string internal, std::string external, std::vector<Address> extra);

  // What the kernel says now. Secondary addresses follow the first in the kernel's order; those that are
  // valid on the link or the host only (ip-address(8), `scope`) are left out. Throws std::runtime_error when
  // the kernel does not answer.
  Links read();

  // Readable when a link, an address or a route changed.
  int fd() const { return watcher_.get(); }
  // Takes the notices off the socket; read() says what they amount to.
  void drain();

 private:
  std::string internal_;
  std::string external_;
  std::vector<Address> extra_;
  Descriptor watcher_;
};

// Names of the interfaces in this network namespace, for messages.
std::vector<std::string> interface_names();

}  // namespace nat
