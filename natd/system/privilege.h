// What natd must be allowed to do, checked before it changes anything.
#pragma once

namespace nat {

// Throws std::runtime_error when this process may not configure the network (CAP_NET_ADMIN, capabilities(7)).
void require_privileges();

}  // namespace nat
