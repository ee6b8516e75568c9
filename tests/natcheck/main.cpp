// natcheck: command line and wiring.
#include <algorithm>
#include <iostream>

#include <nlohmann/json.hpp>

#include "tests/natcheck/agent.h"
#include "tests/natcheck/client.h"
#include "tests/natcheck/multi.h"
#include "tests/natcheck/options.h"
#include "tests/natcheck/report.h"
#include "tests/natcheck/server.h"
#include "tests/natcheck/stun/client.h"
#include "tests/natcheck/stun/server.h"

namespace {

using namespace nat::check;

const char* const kCommands = "server, client, multi, agent, stun and stun-server";

int serve(const Arguments& arguments) {
  const ServerSettings settings = server_options(arguments);
  Server server(settings);
  std::cout << "natcheck server: ready, role " << settings.role << " on " << settings.listen.to_string()
            << " and the next port, UDP and TCP" << std::endl;
  server.run();
  return 0;
}

int check(const Arguments& arguments) {
  const ClientOptions options = client_options(arguments);
  const Report report = run_client(options);
  if (options.json) {
    std::cout << json(report).dump(2) << "\n";
  } else {
    std::cout << table(report);
  }
  const int code = exit_code(report);
  if (code == kUnreachable) std::cerr << "natcheck: none of the servers answered; are they running there?\n";
  return code;
}

int check_several(const Arguments& arguments) {
  const MultiOptions options = multi_options(arguments);
  const MultiReport report = run_multi(options);
  if (options.json) {
    std::cout << json(report).dump(2) << "\n";
  } else {
    std::cout << table(report);
  }
  return exit_code(report);
}

int obey(const Arguments& arguments) {
  const AgentOptions options = agent_options(arguments);
  Agent(options).run();
  return 0;
}

int check_by_stun(const Arguments& arguments) {
  const stun::ClientOptions options = stun::client_options(arguments);
  const stun::Report report = stun::run_client(options);
  if (options.json) {
    std::cout << stun::json(report).dump(2) << "\n";
  } else {
    std::cout << stun::table(report);
  }
  const int code = stun::exit_code(report);
  if (code == kUnreachable) std::cerr << "natcheck: the server did not answer; is it running there?\n";
  return code;
}

int serve_stun(const Arguments& arguments) {
  const stun::Layout layout = stun::server_options(arguments);
  stun::Server server(layout);
  std::cout << "natcheck stun-server: ready on " << layout.primary.to_string();
  if (layout.alternate) std::cout << " and " << layout.alternate->to_string();
  std::cout << ", UDP and TCP" << std::endl;
  server.run();
  return 0;
}

int dispatch(const Arguments& all) {
  if (all.empty()) throw UsageError(std::string("name a command: ") + kCommands);
  const std::string& command = all.front();
  const Arguments arguments(all.begin() + 1, all.end());
  if (std::find(all.begin(), all.end(), "--help") != all.end() || command == "help") {
    std::cout << usage();
    return 0;
  }
  if (command == "--version") {
    std::cout << "natcheck " << NATCHECK_VERSION << "\n";
    return 0;
  }
  if (command == "server") return serve(arguments);
  if (command == "client") return check(arguments);
  if (command == "multi") return check_several(arguments);
  if (command == "agent") return obey(arguments);
  if (command == "stun") return check_by_stun(arguments);
  if (command == "stun-server") return serve_stun(arguments);
  throw UsageError("unknown command '" + command + "'; there are " + kCommands);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return dispatch(Arguments(argv + 1, argv + argc));
  } catch (const UsageError& error) {
    std::cerr << "natcheck: " << error.what() << "\nnatcheck: see natcheck --help\n";
    return kUsage;
  } catch (const SetupError& error) {
    std::cerr << "natcheck: " << error.what() << "\n";
    return kSetup;
  }
}
