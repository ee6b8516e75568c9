// Packets of a small world, made from octets of a script: four hosts inside, four remotes, eight ports, so
// that they meet.
#pragma once

#include "tests/fuzz/script.h"
#include "translation/net/verdict.h"

namespace nat::test {

// Octets of the script with an IP header around them that holds.
Octets shaped_packet(Script& script, Realm in);

}  // namespace nat::test
