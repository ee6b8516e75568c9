// Holds a datapath to a fixture. Each returns one sentence for every difference, with file and line.
#pragma once

#include <string>
#include <vector>

#include "tests/golden/fixture.h"

namespace nat::test {

std::vector<std::string> run_on_engine(const Fixture& fixture);

// Through files: a capture goes in, captures and verdicts come out. Replay knows the sides by the source
// address and takes one off the TTL; a fixture whose packets do not suit that is not run (they all do unless
// they forge addresses).
std::vector<std::string> run_on_replay(const Fixture& fixture);

void write_capture(const Fixture& fixture, const std::string& path);

}  // namespace nat::test
