// Internal and external networks that overlap (RFC 4787 REQ-7). natd tells the sides apart by interface, so
// packets are translated all the same; but which of two equal networks a destination is in, the kernel's
// routing decides, and one of them cannot be reached.
#pragma once

#include <string>
#include <vector>

#include "natd/system/links.h"

namespace nat {

// A sentence for the operator about each overlap; mostly none.
std::vector<std::string> overlap_warnings(const Links& links);

}  // namespace nat
