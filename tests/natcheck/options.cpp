#include "tests/natcheck/options.h"

#include <array>
#include <sstream>

#include <unistd.h>

#include "tests/natcheck/option_values.h"
#include "tests/natcheck/socket.h"
#include "tests/natcheck/stun/options.h"

namespace nat::check {
namespace {

// Where this program is, for hosts that see the same files.
std::string own_path() {
  std::array<char, 4096> path;
  const ssize_t size = readlink("/proc/self/exe", path.data(), path.size());
  return size > 0 ? std::string(path.data(), static_cast<std::size_t>(size)) : "natcheck";
}

po::options_description server_description() {
  po::options_description all("natcheck server: one of the three servers");
  all.add_options()("role", po::value<unsigned>()->required()->value_name("1|2|3"), "which of them")(
      "listen", po::value<std::string>()->required()->value_name("ADDR[:PORT]"),
      ("where clients find it; PORT and the next one are used, UDP and TCP (default " +
       std::to_string(kDefaultPort) + ")")
          .c_str())("peer-s3", po::value<std::string>()->value_name("ADDR[:PORT]"),
                    "role 2: the third server")("peer-s2", po::value<std::string>()->value_name("ADDR"),
                                                "role 3: the second server, the only one obeyed");
  return all;
}

void add_common(po::options_description& all) {
  all.add_options()("servers", po::value<std::string>()->required()->value_name("S1,S2,S3"),
                    "the three servers, each ADDR[:PORT]")(
      "timeout", po::value<std::string>()->default_value("5")->value_name("SECONDS"),
      "how long a server may take to answer, 0.1 to 60");
}

void add_choice(po::options_description& all) {
  all.add_options()("wait", po::value<std::string>()->default_value("2")->value_name("SECONDS"),
                    "how long silence is listened to before it is believed, 0.1 to 10")(
      "udp", po::bool_switch(), "UDP only, unless --tcp is given too")("tcp", po::bool_switch(),
                                                                       "TCP only, unless --udp is given too")(
      "json", po::bool_switch(), "one JSON object instead of the table");
}

po::options_description client_description() {
  po::options_description all("natcheck client: finds out what kind of gateway is in front of this host");
  add_common(all);
  all.add_options()("bind", po::value<std::string>()->value_name("ADDR"),
                    "local address (default: by route)")("port", po::value<std::string>()->value_name("C"),
                                                         "first of three local ports (default: random)");
  add_choice(all);
  return all;
}

po::options_description agent_description() {
  po::options_description all("natcheck agent: one host of natcheck multi; obeys lines on standard input");
  add_common(all);
  all.add_options()("bind", po::value<std::string>()->value_name("ADDR"),
                    "local address (default: by route)")(
      "number", po::value<unsigned>()->default_value(0)->value_name("N"), "which host this is");
  return all;
}

po::options_description multi_description() {
  po::options_description all(
      "natcheck multi: sees whether several hosts behind one gateway get in each other's way");
  add_common(all);
  all.add_options()(
      "host", po::value<std::vector<std::string>>()->composing()->value_name("COMMAND"),
      "starts a command on one host, such as 'ip netns exec in1' or 'ssh in1'; once for each host")(
      "bind", po::value<std::string>()->value_name("A1,A2,..."),
      "local addresses, one for each host; without --host, all on this host")(
      "port", po::value<std::string>()->value_name("C"),
      "local port that all hosts share; the next two are used too (default: random)")(
      "program", po::value<std::string>()->default_value(own_path())->value_name("PATH"),
      "what natcheck is called on the hosts");
  add_choice(all);
  return all;
}

ClientSettings common_settings(const po::variables_map& values) {
  ClientSettings settings;
  const auto servers = split(values["servers"].as<std::string>());
  if (servers.size() != settings.servers.size()) throw UsageError("--servers: give three, such as S1,S2,S3");
  for (std::size_t i = 0; i < servers.size(); ++i)
    settings.servers[i] = endpoint_of("servers", servers[i], kDefaultPort);
  for (std::size_t i = 0; i < servers.size(); ++i) {
    if (settings.servers[i].address == settings.servers[(i + 1) % 3].address) {
      throw UsageError("--servers: the three must have different addresses");
    }
  }
  settings.timeout = seconds_of("timeout", values["timeout"].as<std::string>(), 60);
  settings.run = random_number();
  return settings;
}

milliseconds wait_of(const po::variables_map& values) {
  return seconds_of("wait", values["wait"].as<std::string>(), 10);
}

Address local_address(const po::variables_map& values, const ClientSettings& settings) {
  if (values.count("bind") == 0) return source_towards(settings.first());
  return address_of("bind", values["bind"].as<std::string>());
}

}  // namespace

ServerSettings server_options(const Arguments& arguments) {
  const auto values = read(server_description(), arguments);
  ServerSettings settings;
  settings.role = values["role"].as<unsigned>();
  if (settings.role < 1 || settings.role > 3) throw UsageError("--role: must be 1, 2 or 3");
  settings.listen = endpoint_of("listen", values["listen"].as<std::string>(), kDefaultPort);
  if (settings.listen.address.unspecified()) {
    throw UsageError("--listen: name one address, the one that clients are told");
  }
  const bool has_third = values.count("peer-s3") != 0, has_second = values.count("peer-s2") != 0;
  if (has_third != (settings.role == 2)) throw UsageError("--peer-s3 belongs to --role 2, which needs it");
  if (has_second != (settings.role == 3)) throw UsageError("--peer-s2 belongs to --role 3, which needs it");
  if (has_third)
    settings.third_server = endpoint_of("peer-s3", values["peer-s3"].as<std::string>(), kDefaultPort);
  if (has_second) settings.second_server = address_of("peer-s2", values["peer-s2"].as<std::string>());
  return settings;
}

ClientOptions client_options(const Arguments& arguments) {
  const auto values = read(client_description(), arguments);
  ClientOptions options;
  options.settings = common_settings(values);
  options.settings.local = local_address(values, options.settings);
  if (values.count("port")) options.settings.port = port_of("port", values["port"].as<std::string>(), 65533);
  options.settings.wait = wait_of(values);
  choose(values, options.udp, options.tcp);
  options.json = values["json"].as<bool>();
  return options;
}

AgentOptions agent_options(const Arguments& arguments) {
  const auto values = read(agent_description(), arguments);
  AgentOptions options;
  options.settings = common_settings(values);
  options.settings.local = local_address(values, options.settings);
  options.number = values["number"].as<unsigned>();
  if (options.number > 65535) throw UsageError("--number: at most 65535");
  return options;
}

MultiOptions multi_options(const Arguments& arguments) {
  const auto values = read(multi_description(), arguments);
  MultiOptions options;
  common_settings(values);  // for what it would refuse
  options.wait = wait_of(values);
  options.program = values["program"].as<std::string>();
  options.servers = values["servers"].as<std::string>();
  options.timeout = values["timeout"].as<std::string>();
  if (values.count("bind")) options.binds = split(values["bind"].as<std::string>());
  for (const std::string& address : options.binds) address_of("bind", address);
  if (values.count("host")) {
    options.hosts = values["host"].as<std::vector<std::string>>();
  } else {
    options.hosts.resize(options.binds.size());
  }
  if (options.hosts.size() < 2)
    throw UsageError("give --host at least twice, or --bind with at least two addresses");
  if (!options.binds.empty() && options.binds.size() != options.hosts.size()) {
    throw UsageError("--bind: give one address for each --host");
  }
  if (values.count("port")) options.port = port_of("port", values["port"].as<std::string>(), 65533);
  choose(values, options.udp, options.tcp);
  options.json = values["json"].as<bool>();
  return options;
}

std::string usage() {
  std::ostringstream text;
  text << "natcheck: the NAT Check of Ford, Srisuresh and Kegel (2005), and RFC 5780, over UDP and TCP\n\n"
       << server_description() << "\n"
       << client_description() << "\n"
       << multi_description() << "\n"
       << agent_description() << "\n"
       << stun::usage() << "\nSee natcheck(1).\n";
  return text.str();
}

}  // namespace nat::check
