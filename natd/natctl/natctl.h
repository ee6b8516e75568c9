// natctl(1) without its main(): the options before the command, help, and the choice of the command.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "natd/natctl/context.h"

namespace nat {

struct Terminals {
  bool out = false;
  bool err = false;
  bool no_color = false;  // NO_COLOR is set, or the terminal is dumb
};

// Runs one command line, without the name of the program, and returns the exit code.
int natctl(const std::vector<std::string>& arguments, const Terminals& terminals, std::ostream& out,
           std::ostream& err);

// The same with something else than a socket to ask; `ask` gets the path that --control names.
using AskAt =
    std::function<ControlResult<Json>(const std::string& path, const Request&, const ControlClient::Sink&)>;
int natctl(const std::vector<std::string>& arguments, const Terminals& terminals, std::ostream& out,
           std::ostream& err, const AskAt& ask);

}  // namespace nat
