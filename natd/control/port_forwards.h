// Port forwards made and ended at run time. They live in the settings, like those of the file, until the next
// reload or restart.
#pragma once

#include <memory>
#include <string>

#include "natd/control/reply.h"
#include "natd/control/service.h"

namespace nat {

// Adding what is there already changes nothing and is no error.
std::unique_ptr<Reply> add_port_forward(Service& service, std::uint64_t id, const PortForward& forward);
// `which` is a name, the id of the mapping, "tcp 8443", or the whole rule.
std::unique_ptr<Reply> delete_port_forward(Service& service, std::uint64_t id, const std::string& which);
std::unique_ptr<Reply> list_port_forwards(Service& service, std::uint64_t id);

}  // namespace nat
