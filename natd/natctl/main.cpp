// natctl(1): the process around the command.
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string_view>

#include <unistd.h>

#include "natd/natctl/natctl.h"

int main(int argc, char** argv) {
  try {
    std::ios::sync_with_stdio(false);
    nat::Terminals terminals;
    terminals.out = isatty(STDOUT_FILENO) != 0;
    terminals.err = isatty(STDERR_FILENO) != 0;
    const char* no_color = std::getenv("NO_COLOR");
    const char* term = std::getenv("TERM");
    terminals.no_color =
        (no_color != nullptr && no_color[0] != '\0') || (term != nullptr && std::string_view(term) == "dumb");
    const int code = nat::natctl({argv + 1, argv + argc}, terminals, std::cout, std::cerr);
    if (!std::cout.flush()) {
      std::cerr << "natctl: cannot write to standard output\n";
      return nat::kRefused;
    }
    return code;
  } catch (const std::exception& error) {
    std::cerr << "natctl: " << error.what() << "\n";
    return nat::kRefused;
  }
}
