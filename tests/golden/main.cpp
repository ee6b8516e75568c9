// natd_golden FIXTURE...: holds the engine and the replay datapath to each fixture.
// natd_golden --capture FIXTURE OUT.pcap: writes the packets of a fixture as a capture for natd --replay.
#include <iostream>
#include <string_view>

#include "tests/golden/runners.h"

int main(int argc, char** argv) {
  using namespace nat::test;
  try {
    if (argc == 4 && std::string_view(argv[1]) == "--capture") {
      write_capture(read_fixture(argv[2]), argv[3]);
      return 0;
    }
    unsigned wrong = 0;
    for (int i = 1; i < argc; ++i) {
      const Fixture fixture = read_fixture(argv[i]);
      for (const auto& problems : {run_on_engine(fixture), run_on_replay(fixture)}) {
        for (const std::string& problem : problems) std::cout << problem << "\n";
        wrong += static_cast<unsigned>(problems.size());
      }
    }
    std::cout << "golden: " << argc - 1 << " fixtures, " << wrong << " differences\n";
    return wrong == 0 && argc > 1 ? 0 : 1;
  } catch (const std::exception& problem) {
    std::cout << problem.what() << "\n";
    return 1;
  }
}
