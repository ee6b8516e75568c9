#include "natd/system/namespace.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <stdexcept>

#include <sys/socket.h>
#include <sys/stat.h>

#include "natd/system/event_loop.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71  // Linux 5.14
#endif

namespace nat {

std::string namespace_file(const std::string& directory, const char* suffix) {
  struct stat status {};
  if (stat("/proc/thread-self/ns/net", &status) != 0) {
    throw std::runtime_error(
        std::string("cannot tell the network namespace from /proc/thread-self/ns/net: ") +
        std::strerror(errno) + "; is /proc mounted?");
  }
  return directory + "/netns-" + std::to_string(status.st_ino) + suffix;
}

std::string boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string line;
  std::getline(file, line);
  return line;
}

std::uint64_t namespace_cookie() {
  std::uint64_t cookie = 0;
  const Descriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  socklen_t length = sizeof cookie;
  if (getsockopt(socket.get(), SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &length) != 0) return 0;
  return cookie;
}

}  // namespace nat
