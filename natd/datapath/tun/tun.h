// The TUN datapath: natd stands in the kernel's routing as a router with two interfaces of its own, natd-int
// towards the hosts and natd-ext towards the Internet. Policy routing leads packets into the one on the side
// they came from; what natd writes to the other goes on its way through the kernel. docs/datapath-tun.md
// shows the whole path.
#pragma once

#include <memory>

#include "config/settings.h"
#include "natd/datapath/backend.h"
#include "natd/system/journal.h"

namespace nat {

// `journal` must outlive the backend; what install() changes is taken back by Journal::undo_all(). The two
// devices go with uninstall(), or with the process.
std::unique_ptr<Backend> make_tun(const Settings& settings, Journal& journal);

}  // namespace nat
