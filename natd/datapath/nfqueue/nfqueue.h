// The netfilter queue datapath: packets stay in the kernel's own forwarding path, and stop at two hooks of
// it, where natd rewrites them. Destinations change before routing, sources after it, so that routes, rules
// and ICMP errors of the gateway see internal addresses. docs/datapaths.md shows the path of a packet hook by
// hook.
#pragma once

#include <memory>

#include "config/settings.h"
#include "natd/datapath/backend.h"
#include "natd/system/journal.h"

namespace nat {

// `journal` must outlive the backend; what install() changes is taken back by Journal::undo_all().
std::unique_ptr<Backend> make_nfqueue(const Settings& settings, Journal& journal);

}  // namespace nat
