// What an earlier natd has left in this network namespace, found by its name and not by a journal.
#pragma once

#include <vector>

#include "natd/system/undo.h"

namespace nat {

// In the order in which it would have been noted: what protects first. Only while no other natd serves the
// namespace (natd/system/instance.h). Throws std::runtime_error when nft(8) or ip(8) is there but does not
// tell.
std::vector<Undo> find_leftovers();

}  // namespace nat
