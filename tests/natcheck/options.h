// The command lines of natcheck, turned into settings. Every refusal is a UsageError that says what would be
// right.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "tests/natcheck/client_settings.h"
#include "tests/natcheck/role.h"

namespace nat::check {

inline constexpr std::uint16_t kDefaultPort = 7475;

class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct ClientOptions {
  ClientSettings settings;  // port 0: choose one
  bool udp = true;
  bool tcp = true;
  bool json = false;
};

struct AgentOptions {
  ClientSettings settings;
  unsigned number = 0;  // the tag of its hairpin messages
};

struct MultiOptions {
  std::vector<std::string> hosts;  // command prefixes, such as "ip netns exec in1"; may be empty strings
  std::vector<std::string> binds;  // none, or one for each host
  std::string program;             // what natcheck is called there
  std::string servers, timeout;    // as given; the agents parse them again
  milliseconds wait{};
  std::uint16_t port = 0;  // 0: choose one; the next two are used too
  bool udp = true;
  bool tcp = true;
  bool json = false;
};

using Arguments = std::vector<std::string>;  // after the name of the command

ServerSettings server_options(const Arguments& arguments);
ClientOptions client_options(const Arguments& arguments);
AgentOptions agent_options(const Arguments& arguments);
MultiOptions multi_options(const Arguments& arguments);

// What --help prints.
std::string usage();

}  // namespace nat::check
