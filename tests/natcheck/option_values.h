// Command lines, read by boost, and what stands in them: every refusal is a UsageError that names the option
// and says what would be right.
#pragma once

#include <boost/program_options.hpp>

#include "tests/natcheck/options.h"

namespace nat::check {

namespace po = boost::program_options;

po::variables_map read(const po::options_description& description, const Arguments& arguments);

std::vector<std::string> split(const std::string& text);  // at commas

Address address_of(const std::string& option, const std::string& text);
std::uint16_t port_of(const std::string& option, const std::string& text, unsigned last);
// ADDR or ADDR:PORT; the port after it exists too.
Endpoint endpoint_of(const std::string& option, const std::string& text, std::uint16_t default_port);
// From a tenth of a second to `longest` seconds.
milliseconds seconds_of(const std::string& option, const std::string& text, double longest);

// --udp and --tcp: both protocols, unless only one is named.
void choose(const po::variables_map& values, bool& udp, bool& tcp);

}  // namespace nat::check
