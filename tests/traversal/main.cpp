// natpunch: command line and wiring.
#include <algorithm>
#include <iostream>

#include <nlohmann/json.hpp>

#include "tests/traversal/options.h"
#include "tests/traversal/peer.h"
#include "tests/traversal/server.h"

namespace {

using namespace nat::traversal;
using nat::check::Arguments;
using nat::check::UsageError;

int serve(const Arguments& arguments) {
  const nat::Endpoint listen = server_options(arguments);
  Server server(listen);
  std::cout << "natpunch server: ready on " << listen.to_string() << ", UDP and TCP" << std::endl;
  server.run();
  return 0;
}

// In one piece, as several peers may share a terminal.
void tell(const Result& result) {
  std::cerr << "natpunch: introduced to " + result.settings.partner + " at " +
                   result.partner_external.to_string() + ", bound to " + result.partner_internal.to_string() +
                   "; we are seen at " + result.external.to_string() + "\n"
            << std::flush;
}

int meet(const Arguments& arguments) {
  const PeerSettings settings = peer_options(arguments);
  const Result result = Peer(settings, tell).run();
  if (settings.json) {
    std::cout << json(result).dump(2) << "\n";
  } else {
    std::cout << text(result);
  }
  return exit_code(result);
}

int dispatch(const Arguments& all) {
  if (all.empty()) throw UsageError("name a command: server or peer");
  const std::string& command = all.front();
  const Arguments arguments(all.begin() + 1, all.end());
  if (std::find(all.begin(), all.end(), "--help") != all.end() || command == "help") {
    std::cout << usage();
    return 0;
  }
  if (command == "--version") {
    std::cout << "natpunch " << NATPUNCH_VERSION << "\n";
    return 0;
  }
  if (command == "server") return serve(arguments);
  if (command == "peer") return meet(arguments);
  throw UsageError("unknown command '" + command + "'; there are server and peer");
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return dispatch(Arguments(argv + 1, argv + argc));
  } catch (const UsageError& error) {
    std::cerr << "natpunch: " << error.what() << "\nnatpunch: see natpunch --help\n";
    return kUsage;
  } catch (const nat::check::SetupError& error) {
    std::cerr << "natpunch: " << error.what() << "\n";
    return kSetup;
  }
}
