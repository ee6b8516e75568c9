// What the kernel offers, with an owner: descriptors that close themselves, IPv4 sockets bound to one
// endpoint, and the ICMP errors that come back for what they sent (IP_RECVERR).
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <sys/socket.h>

#include "translation/net/endpoint.h"

namespace nat::check {

// This host cannot do what is needed: a port is taken, an address is not ours. The text says so.
class SetupError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int value) : value_(value) {}
  Descriptor(Descriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }
  ~Descriptor();

  int get() const { return value_; }
  explicit operator bool() const { return value_ >= 0; }

 private:
  int value_ = -1;
};

// A socket address of the kernel for an endpoint, and back.
sockaddr_storage to_kernel(const Endpoint& endpoint);
Endpoint from_kernel(const sockaddr_storage& storage);
inline constexpr socklen_t kKernelEndpointSize = 16;

// A non-blocking socket (SOCK_DGRAM, SOCK_STREAM) bound to `local`. With `shared`, other sockets of this user
// may be bound to the same endpoint, as hole punching over TCP needs. Throws SetupError.
Descriptor bind_socket(int type, const Endpoint& local, bool shared);

// Where the socket is bound, and which of our addresses the kernel uses towards `remote` (throws SetupError).
Endpoint local_endpoint(int descriptor);
Address source_towards(const Endpoint& remote);

// An ICMP error about something this socket sent to `remote`.
struct IcmpError {
  Endpoint remote;
  std::uint8_t type = 0;
  std::uint8_t code = 0;
};

// Whether the socket queues ICMP errors for us. On an open TCP stream they would end it, so it is for UDP and
// for TCP while it connects.
void queue_icmp_errors(int descriptor, bool on);

// The oldest error in the socket's queue that a host or router reported, if any.
std::optional<IcmpError> next_icmp_error(int descriptor);

// Makes close() send a reset instead of leaving the port in TIME_WAIT, where it could not be used again.
void reset_on_close(int descriptor);

// A random number that cannot be guessed.
std::uint64_t random_number();

}  // namespace nat::check
