// What a client needs to know to run the procedure.
#pragma once

#include <array>

#include "tests/natcheck/port.h"
#include "translation/net/endpoint.h"

namespace nat::check {

struct ClientSettings {
  std::array<Endpoint, 3> servers;  // main ports; the second port of the second server is the next number
  Address local;
  std::uint16_t port = 0;      // local port c; c + 1 and c + 2 are used too
  std::uint64_t run = 0;       // random; marks our messages
  milliseconds wait{2000};     // how long silence is listened to before it is believed
  milliseconds timeout{5000};  // how long a server may take to answer

  const Endpoint& first() const { return servers[0]; }
  const Endpoint& second() const { return servers[1]; }
  const Endpoint& third() const { return servers[2]; }
  Endpoint second_port() const {
    return {servers[1].address, static_cast<std::uint16_t>(servers[1].port + 1)};
  }
  Endpoint local_endpoint(unsigned offset) const {
    return {local, static_cast<std::uint16_t>(port + offset)};
  }
};

}  // namespace nat::check
