#include "natd/system/privilege.h"

#include <stdexcept>

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace nat {

void require_privileges() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {};
  const bool read = syscall(SYS_capget, &header, sets) == 0;
  if (read && (sets[CAP_TO_INDEX(CAP_NET_ADMIN)].effective & CAP_TO_MASK(CAP_NET_ADMIN)) != 0) return;
  throw std::runtime_error("natd may not configure the network: run it as root (or with CAP_NET_ADMIN)");
}

}  // namespace nat
