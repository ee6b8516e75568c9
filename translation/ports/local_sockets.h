// The sockets of the gateway itself, as the engine must know them: their packets are not translated, and
// their ports are given to no host. The daemon answers from the kernel's tables.
#pragma once

#include <cstdint>

#include "translation/net/endpoint.h"

namespace nat {

class LocalSockets {
 public:
  virtual ~LocalSockets() = default;
  // Whether a socket of the gateway itself would take a packet from `remote` to `local`. Asked for inbound
  // packets that belong to no session.
  virtual bool serves(Protocol protocol, Endpoint local, Endpoint remote) = 0;
  // Whether a socket of the gateway is bound to the port. Asked when a port is chosen.
  virtual bool in_use(Protocol protocol, std::uint16_t port) = 0;
};

}  // namespace nat
