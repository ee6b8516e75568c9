#include "tests/natcheck/socket.h"

#include <cerrno>
#include <cstring>

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <sys/random.h>
#include <unistd.h>

namespace nat::check {
namespace {

static_assert(sizeof(sockaddr_in) == kKernelEndpointSize);

[[noreturn]] void fail(const std::string& what) { throw SetupError(what + ": " + std::strerror(errno)); }

void set_option(int descriptor, int level, int option, int value) {
  if (setsockopt(descriptor, level, option, &value, sizeof value) != 0) fail("cannot set a socket option");
}

}  // namespace

Descriptor::~Descriptor() {
  if (value_ >= 0) close(value_);
}

sockaddr_storage to_kernel(const Endpoint& endpoint) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(endpoint.address.value());
  address.sin_port = htons(endpoint.port);
  sockaddr_storage storage{};
  std::memcpy(&storage, &address, sizeof address);
  return storage;
}

Endpoint from_kernel(const sockaddr_storage& storage) {
  sockaddr_in address{};
  std::memcpy(&address, &storage, sizeof address);
  return {Address(ntohl(address.sin_addr.s_addr)), ntohs(address.sin_port)};
}

Descriptor bind_socket(int type, const Endpoint& local, bool shared) {
  Descriptor made(socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!made) fail("cannot make a socket");
  if (shared) {
    set_option(made.get(), SOL_SOCKET, SO_REUSEADDR, 1);
    set_option(made.get(), SOL_SOCKET, SO_REUSEPORT, 1);
  }
  const sockaddr_storage storage = to_kernel(local);
  if (bind(made.get(), reinterpret_cast<const sockaddr*>(&storage), kKernelEndpointSize) != 0) {
    fail("cannot use " + local.to_string() + (type == SOCK_DGRAM ? " (UDP)" : " (TCP)"));
  }
  return made;
}

Endpoint local_endpoint(int descriptor) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (getsockname(descriptor, reinterpret_cast<sockaddr*>(&storage), &size) != 0)
    fail("cannot name a socket");
  return from_kernel(storage);
}

Address source_towards(const Endpoint& remote) {
  const Descriptor probe = bind_socket(SOCK_DGRAM, {}, false);
  const sockaddr_storage storage = to_kernel(remote);
  if (connect(probe.get(), reinterpret_cast<const sockaddr*>(&storage), kKernelEndpointSize) != 0) {
    fail("no route to " + remote.address.to_string());
  }
  return local_endpoint(probe.get()).address;
}

void queue_icmp_errors(int descriptor, bool on) { set_option(descriptor, IPPROTO_IP, IP_RECVERR, on); }

std::optional<IcmpError> next_icmp_error(int descriptor) {
  for (;;) {
    sockaddr_storage remote{};
    alignas(cmsghdr) std::uint8_t control[256];
    msghdr header{};
    header.msg_name = &remote;
    header.msg_namelen = sizeof remote;
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    if (recvmsg(descriptor, &header, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return std::nullopt;
    for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
      if (part->cmsg_level != IPPROTO_IP || part->cmsg_type != IP_RECVERR) continue;
      sock_extended_err error{};
      std::memcpy(&error, CMSG_DATA(part), sizeof error);
      if (error.ee_origin == SO_EE_ORIGIN_ICMP)
        return IcmpError{from_kernel(remote), error.ee_type, error.ee_code};
    }
  }
}

void reset_on_close(int descriptor) {
  const linger reset{.l_onoff = 1, .l_linger = 0};
  setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
}

std::uint64_t random_number() {
  std::uint64_t number = 0;
  if (getrandom(&number, sizeof number, 0) != sizeof number) fail("cannot get random octets");
  return number;
}

}  // namespace nat::check
