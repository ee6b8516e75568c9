#include "tests/natcheck/option_values.h"

#include <sstream>

namespace nat::check {

po::variables_map read(const po::options_description& description, const Arguments& arguments) {
  namespace style = po::command_line_style;
  po::variables_map values;
  try {
    po::store(po::command_line_parser(arguments)
                  .options(description)
                  .positional({})
                  .style(style::unix_style & ~style::allow_guessing)
                  .run(),
              values);
    po::notify(values);
  } catch (const po::error& error) {
    throw UsageError(error.what());
  }
  return values;
}

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');) parts.push_back(part);
  return parts;
}

Address address_of(const std::string& option, const std::string& text) {
  const auto address = Address::parse(text);
  if (!address) throw UsageError("--" + option + ": '" + text + "' is not an IPv4 address");
  return *address;
}

std::uint16_t port_of(const std::string& option, const std::string& text, unsigned last) {
  const auto endpoint = Endpoint::parse("0.0.0.0:" + text);
  if (!endpoint || endpoint->port == 0 || endpoint->port > last) {
    throw UsageError("--" + option + ": '" + text + "' is not a port from 1 to " + std::to_string(last));
  }
  return endpoint->port;
}

Endpoint endpoint_of(const std::string& option, const std::string& text, std::uint16_t default_port) {
  const auto colon = text.find(':');
  if (colon == std::string::npos) return {address_of(option, text), default_port};
  return {address_of(option, text.substr(0, colon)), port_of(option, text.substr(colon + 1), 65534)};
}

milliseconds seconds_of(const std::string& option, const std::string& text, double longest) {
  double seconds = 0;
  std::istringstream stream(text);
  if (!(stream >> seconds) || !stream.eof() || !(seconds >= 0.1 && seconds <= longest)) {
    throw UsageError("--" + option + ": '" + text + "' is not a number of seconds from 0.1 to " +
                     std::to_string(static_cast<int>(longest)));
  }
  return milliseconds(static_cast<std::int64_t>(seconds * 1000));
}

// Which protocols: both, unless only one is named.
void choose(const po::variables_map& values, bool& udp, bool& tcp) {
  udp = values["udp"].as<bool>() || !values["tcp"].as<bool>();
  tcp = values["tcp"].as<bool>() || !values["udp"].as<bool>();
}

}  // namespace nat::check
