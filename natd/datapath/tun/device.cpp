#include "natd/datapath/tun/device.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

// UDP super-packets: Linux 6.2, newer than the headers of Debian 12. The kernel takes both or none.
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#endif
#ifndef TUN_F_USO6
#define TUN_F_USO6 0x40
#endif

namespace nat {
namespace {

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

Descriptor open_queue(const std::string& name, bool first) {
  Descriptor queue(open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (queue.get() < 0) {
    throw std::runtime_error(std::string("cannot open /dev/net/tun: ") + std::strerror(errno) +
                             "; is the module there (modprobe tun)?");
  }
  ifreq request{};
  if (name.size() >= sizeof request.ifr_name)
    throw std::runtime_error(name + " is too long for an interface");
  name.copy(request.ifr_name, sizeof request.ifr_name - 1);
  const int flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE | (first ? IFF_TUN_EXCL : 0);
  request.ifr_flags = static_cast<short>(flags);
  if (ioctl(queue.get(), TUNSETIFF, &request) != 0) {
    if (errno == EBUSY) throw std::runtime_error("there is an interface " + name + " already; remove it");
    fail("cannot make the TUN device " + name);
  }
  return queue;
}

void offer_offloads(int queue, const std::string& name) {
  constexpr unsigned kTcp = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO_ECN;
  constexpr unsigned kUdp = TUN_F_USO4 | TUN_F_USO6;
  if (ioctl(queue, TUNSETOFFLOAD, static_cast<unsigned long>(kTcp | kUdp)) == 0) return;
  if (ioctl(queue, TUNSETOFFLOAD, static_cast<unsigned long>(kTcp)) != 0) {
    fail("cannot switch on the offloads of " + name);
  }
}

void write_setting(const std::string& path, const std::string& value) {
  const Descriptor file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (file.get() < 0 || write(file.get(), value.data(), value.size()) < 0) {
    fail("cannot write " + value + " to " + path);
  }
}

}  // namespace

TunDevice::TunDevice(std::string name, unsigned queues) : name_(std::move(name)) {
  for (unsigned number = 0; number < queues; ++number) queues_.push_back(open_queue(name_, number == 0));
  offer_offloads(queue(0), name_);
}

void TunDevice::set(const std::string& key, const std::string& value) const {
  write_setting("/proc/sys/net/ipv4/conf/" + name_ + "/" + key, value);
}

void TunDevice::disable_ipv6() const {
  const std::string path = "/proc/sys/net/ipv6/conf/" + name_ + "/disable_ipv6";
  if (access(path.c_str(), F_OK) == 0) write_setting(path, "1");  // not there in a kernel without IPv6
}

std::uint64_t TunDevice::overruns() const {
  // NAME: eight numbers of what was received, then of what was sent: octets, packets, errors, drops.
  constexpr int kBeforeDrops = 11;
  std::ifstream table("/proc/net/dev");
  for (std::string line; std::getline(table, line);) {
    const auto colon = line.find(':');
    if (colon == std::string::npos ||
        line.substr(line.find_first_not_of(' '), name_.size() + 1) != name_ + ":")
      continue;
    std::istringstream numbers(line.substr(colon + 1));
    std::uint64_t number = 0;
    for (int column = 0; column <= kBeforeDrops; ++column) numbers >> number;
    return number;
  }
  return 0;
}

}  // namespace nat
