#include "natd/system/pool_addresses.h"

#include <memory>
#include <stdexcept>

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>

#include "natd/system/command.h"
#include "natd/system/journal.h"
#include "natd/system/sysctl.h"

namespace nat {

std::set<Address> addresses_of(const std::string& interface) {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0)
    throw std::runtime_error("the kernel does not list the addresses of " + interface);
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(list, freeifaddrs);
  std::set<Address> found;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || entry->ifa_addr->sa_family != AF_INET || interface != entry->ifa_name)
      continue;
    found.emplace(ntohl(reinterpret_cast<const sockaddr_in*>(entry->ifa_addr)->sin_addr.s_addr));
  }
  return found;
}

void claim_addresses(Journal& journal, const std::string& interface, std::span<const Address> addresses) {
  if (addresses.empty()) return;
  const std::set<Address> present = addresses_of(interface);
  for (const Address address : addresses) {
    if (present.contains(address)) continue;
    const std::string whole = address.to_string() + "/32";
    journal.note(RemoveAddress{interface, address});
    const CommandResult result = run_command({"ip", "address", "add", whole, "dev", interface});
    if (result.status != 0) {
      throw std::runtime_error("cannot put " + whole + " on " + interface + ": " + words_of(result.output));
    }
  }
}

}  // namespace nat
