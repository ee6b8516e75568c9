// Small texts of a trace.
#pragma once

#include <string>
#include <vector>

#include "translation/base/time.h"
#include "translation/net/endpoint.h"
#include "translation/policy/profile.h"

namespace nat {

// "4:51"; "1:00:00" from an hour on.
std::string clock_text(Duration left);
// "3 of 500 mappings".
std::string share_text(std::uint32_t used, std::uint32_t limit, const char* noun);
// "1024-65535,80-90".
std::string ranges_text(const std::vector<PortRange>& ranges);
// A remote without a port is one of an echo, or of an ICMP error.
std::string endpoint_text(Endpoint endpoint);

}  // namespace nat
