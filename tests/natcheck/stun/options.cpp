#include "tests/natcheck/stun/options.h"

#include <sstream>

#include "tests/natcheck/option_values.h"
#include "tests/natcheck/socket.h"

namespace nat::check::stun {
namespace {

constexpr double kLongestLifetime = 86'400;
constexpr unsigned kFastest = 1000;

po::value_semantic* text(const char* name) { return po::value<std::string>()->value_name(name); }

po::value_semantic* text(const char* name, const char* usual) {
  return po::value<std::string>()->default_value(usual)->value_name(name);
}

po::options_description client_description() {
  po::options_description all("natcheck stun: finds out the same and more from one STUN server (RFC 5780)");
  auto add = all.add_options();
  add("server", po::value<std::string>()->required()->value_name("ADDR[:PORT]"),
      "the server (default port 3478)");
  add("bind", text("ADDR"), "local address (default: by route)");
  add("max", text("SECONDS"), "look for how long mappings live, up to this");
  add("precision", text("SECONDS", "5"), "how precisely, with --max");
  add("floor", text("SECONDS", "120"), "how long a mapping must live");
  add("rate", po::value<unsigned>()->default_value(10)->value_name("N"),
      "new questions a second, up to 1000");
  add("timeout", text("SECONDS", "5"), "how long the server may take to answer, 0.1 to 60");
  add("wait", text("SECONDS", "1.5"), "how long silence is listened to before it is believed, 0.1 to 10");
  add("udp", po::bool_switch(), "UDP only, unless --tcp is given too");
  add("tcp", po::bool_switch(), "TCP only, unless --udp is given too");
  add("json", po::bool_switch(), "one JSON object instead of the table");
  return all;
}

po::options_description server_description() {
  po::options_description all("natcheck stun-server: a server for it, with two addresses at best");
  auto add = all.add_options();
  add("listen", po::value<std::string>()->required()->value_name("ADDR[:PORT]"),
      "where clients find it, UDP and TCP (default port 3478)");
  add("second", text("ADDR[:PORT]"), "its other address and port (default: the next port)");
  add("fixed-other", po::bool_switch(), "name the second wherever asked, as coturn's tester needs");
  return all;
}

std::string value(const po::variables_map& values, const char* name) {
  return values[name].as<std::string>();
}

milliseconds seconds(const po::variables_map& values, const char* name, double longest) {
  return seconds_of(name, value(values, name), longest);
}

}  // namespace

ClientOptions client_options(const Arguments& arguments) {
  const auto values = read(client_description(), arguments);
  ClientOptions options;
  Settings& settings = options.settings;
  settings.server = endpoint_of("server", value(values, "server"), kDefaultPort);
  settings.timeout = seconds(values, "timeout", 60);
  settings.wait = seconds(values, "wait", 10);
  settings.floor = seconds(values, "floor", kLongestLifetime);
  settings.rate = values["rate"].as<unsigned>();
  if (settings.rate == 0 || settings.rate > kFastest) throw UsageError("--rate: must be 1 to 1000");
  const milliseconds precision = seconds(values, "precision", kLongestLifetime);
  if (values.count("max")) settings.lifetime = {seconds(values, "max", kLongestLifetime), precision};
  choose(values, options.udp, options.tcp);
  options.json = values["json"].as<bool>();
  settings.local =
      values.count("bind") ? address_of("bind", value(values, "bind")) : source_towards(settings.server);
  return options;
}

Layout server_options(const Arguments& arguments) {
  const auto values = read(server_description(), arguments);
  Layout layout;
  layout.primary = endpoint_of("listen", value(values, "listen"), kDefaultPort);
  if (values.count("second")) {
    layout.alternate =
        endpoint_of("second", value(values, "second"), static_cast<std::uint16_t>(layout.primary.port + 1));
    layout.fixed_other = values["fixed-other"].as<bool>();
    if (layout.alternate->address == layout.primary.address || layout.alternate->port == layout.primary.port)
      throw UsageError("--second: address and port must both differ from those of --listen");
  }
  for (const Endpoint& endpoint : layout.endpoints()) {
    if (endpoint.address.unspecified())
      throw UsageError("name addresses, which clients are told: not 0.0.0.0");
  }
  return layout;
}

std::string usage() {
  std::ostringstream all;
  all << client_description() << "\n" << server_description();
  return all.str();
}

}  // namespace nat::check::stun
