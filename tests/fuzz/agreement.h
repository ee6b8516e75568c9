// What must hold of an engine between any two calls, whatever it was given.
#pragma once

#include "tests/support/test_gateway.h"

namespace nat::test {

// Aborts unless every table is within its capacity, no two mappings have one id, no two sessions have one
// internal and one remote endpoint, and every session is of a mapping with its endpoints. No two mappings
// have one external endpoint unless some may share.
void check_agreement(const TestGateway& gateway, bool may_share = false);

// Aborts unless the engine holds nothing but so many mappings.
void check_empty(const TestGateway& gateway, std::uint32_t mappings = 0);

}  // namespace nat::test
