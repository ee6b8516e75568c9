#include "tests/traversal/options.h"

#include <array>
#include <sstream>

#include "tests/natcheck/option_values.h"
#include "tests/natcheck/socket.h"

namespace nat::traversal {
namespace {

using check::UsageError;
namespace po = check::po;

po::options_description server_description() {
  po::options_description all("natpunch server: the rendezvous server S");
  all.add_options()(
      "listen", po::value<std::string>()->required()->value_name("ADDR[:PORT]"),
      ("where peers find it, over UDP and TCP (default port " + std::to_string(kDefaultPort) + ")").c_str());
  return all;
}

po::options_description peer_description() {
  po::options_description all("natpunch peer: meets another peer, which must run at the same time");
  const auto text = [](const char* name) { return po::value<std::string>()->value_name(name); };
  auto add = all.add_options();
  add("server", text("ADDR[:PORT]")->required(), "the rendezvous server");
  add("name", text("NAME")->required(), "what this peer is called: up to 12 letters, digits, '.', '-', '_'");
  add("peer", text("NAME")->required(), "whom it wants to meet");
  add("technique", text("T")->default_value("punch"),
      "punch, sequential, predict, reverse or relay; both peers the same");
  add("tcp", po::bool_switch(), "over TCP instead of UDP");
  add("bind", text("ADDR[:PORT]"), "local endpoint (default: by route, a free port)");
  add("try", text("WHICH")->default_value("both"),
      "which of the other's endpoints to call: private, public or both");
  add("start", text("WHEN")->default_value("now"),
      "first packet to the other: now, after-peer, never (only answers), or enter (after a line on standard "
      "input)");
  add("delay", text("SECONDS")->default_value("0"), "and so much later, 0 to 60");
  add("offset", po::value<int>()->default_value(1)->value_name("N"),
      "predict: how far the other's next port is from the one that the server saw, -1000 to 1000");
  add("strict", po::bool_switch(), "accept the other only at the endpoint that the server saw");
  add("for", text("SECONDS")->default_value("10"), "how long it tries, 0.1 to 60");
  add("wait", text("SECONDS")->default_value("30"), "how long it waits for the other to join, 0.1 to 600");
  add("timeout", text("SECONDS")->default_value("5"), "how long the server may take to answer, 0.1 to 60");
  add("json", po::bool_switch(), "one JSON object instead of text");
  return all;
}

std::string name_of(const po::variables_map& values, const char* option) {
  const auto& name = values[option].as<std::string>();
  if (!is_name(name)) {
    throw UsageError(std::string("--") + option + ": '" + name +
                     "' is not 1 to 12 letters, digits, '.', '-' or '_'");
  }
  return name;
}

// The value whose word is given; the words in a list are for the message.
template <typename Value, std::size_t count>
Value one_of(const po::variables_map& values, const char* option, const std::array<Value, count>& choices) {
  const auto& word = values[option].as<std::string>();
  std::string known;
  for (const Value choice : choices) {
    if (word == to_string(choice)) return choice;
    known += (known.empty() ? "" : ", ") + std::string(to_string(choice));
  }
  throw UsageError(std::string("--") + option + ": '" + word + "' is none of " + known);
}

milliseconds seconds(const po::variables_map& values, const char* option, double longest) {
  return check::seconds_of(option, values[option].as<std::string>(), longest);
}

}  // namespace

Endpoint server_options(const check::Arguments& arguments) {
  const auto values = check::read(server_description(), arguments);
  const Endpoint listen = check::endpoint_of("listen", values["listen"].as<std::string>(), kDefaultPort);
  if (listen.address.unspecified())
    throw UsageError("--listen: name one address, the one that peers are told");
  return listen;
}

PeerSettings peer_options(const check::Arguments& arguments) {
  const auto values = check::read(peer_description(), arguments);
  PeerSettings settings;
  settings.server = check::endpoint_of("server", values["server"].as<std::string>(), kDefaultPort);
  settings.name = name_of(values, "name");
  settings.partner = name_of(values, "peer");
  if (settings.name == settings.partner) throw UsageError("--peer: must not be called as this peer itself");
  settings.technique = one_of(values, "technique",
                              std::array{Technique::punch, Technique::sequential, Technique::predict,
                                         Technique::reverse, Technique::relay});
  settings.start =
      one_of(values, "start", std::array{Start::now, Start::after_peer, Start::never, Start::enter});
  if (values["tcp"].as<bool>()) settings.protocol = Protocol::tcp;
  if (values.count("bind")) {
    settings.local = check::endpoint_of("bind", values["bind"].as<std::string>(), 0);
  } else {
    settings.local = {check::source_towards(settings.server), 0};
  }
  const auto& which = values["try"].as<std::string>();
  if (which != "private" && which != "public" && which != "both") {
    throw UsageError("--try: '" + which + "' is none of private, public, both");
  }
  settings.try_internal = which != "public";
  settings.try_external = which != "private";
  settings.offset = values["offset"].as<int>();
  if (settings.offset < -1000 || settings.offset > 1000)
    throw UsageError("--offset: must be from -1000 to 1000");
  settings.strict = values["strict"].as<bool>();
  if (settings.strict && settings.technique == Technique::predict) {
    throw UsageError("--strict: prediction aims at an endpoint that the server has not seen");
  }
  if (values["delay"].as<std::string>() != "0") settings.delay = seconds(values, "delay", 60);
  settings.patience = seconds(values, "for", 60);
  settings.wait = seconds(values, "wait", 600);
  settings.timeout = seconds(values, "timeout", 60);
  settings.json = values["json"].as<bool>();
  return settings;
}

std::string usage() {
  std::ostringstream text;
  text << "natpunch: the ways of RFC 5128 to reach a peer behind a gateway, over UDP and TCP\n\n"
       << server_description() << "\n"
       << peer_description() << "\nSee natpunch(1).\n";
  return text.str();
}

}  // namespace nat::traversal
