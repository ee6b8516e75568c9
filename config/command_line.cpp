#include "config/command_line.h"

#include <algorithm>
#include <map>
#include <optional>
#include <sstream>
#include <utility>

#include <boost/program_options.hpp>

#include "config/option.h"
#include "config/suggestion.h"
#include "config/validate.h"
#include "config/value.h"

namespace nat {
namespace {

namespace po = boost::program_options;

const char* const kSource = "command line";

// Short names for the keys that most operators need.
const std::map<std::string_view, std::string_view> kShortNames = {
    {"internal", "interfaces.internal"},
    {"external", "interfaces.external"},
    {"control", "control.path"},
    {"datapath", "datapath.kind"},
};

// What --help shows; the keys of options.def are too many for a screen and stand in natd.conf(5).
po::options_description own_options() {
  const auto text = [](const char* name) { return po::value<std::string>()->value_name(name); };
  po::options_description described("Options", 100, 60);
  described.add_options()                                                                          //
      ("internal", text("IF"), "interface towards the hosts behind the gateway")                   //
      ("external", text("IF"), "interface towards the Internet")                                   //
      ("config", text("FILE"), "read this configuration; see natd.conf(5)")                        //
      ("control", text("PATH"), "socket that natctl talks to")                                     //
      ("datapath", text("KIND"), "auto, nfqueue or tun")                                           //
      ("set", text("KEY=VALUE"), "set any key of natd.conf(5), over the file; may be repeated")    //
      ("check-config", text("FILE"), "say whether the configuration is right, and end")            //
      ("cleanup", "take down what a natd that was killed has left, and end")                       //
      ("replay", text("IN.pcap"), "translate the packets of a capture file, and end")              //
      ("out", text("DIR"), "where --replay writes what leaves on each side, and the verdicts")     //
      ("internal-net", text("PREFIX"), "for --replay: where internal hosts are; may be repeated")  //
      ("seed", text("N"), "for --replay: the same seed chooses the same ports")                    //
      ("help", "print this, and end")                                                              //
      ("version", "print the version, and end");
  return described;
}

class Parsing {
 public:
  Parsing() { line_.assignments.source = kSource; }

  void read(const std::vector<std::string>& arguments) {
    po::options_description described = own_options();
    for (const Option& option : options()) {
      described.add_options()(std::string(option.key).c_str(), po::value<std::string>(), "");
    }
    constexpr int kStyle = po::command_line_style::allow_long | po::command_line_style::long_allow_adjacent |
                           po::command_line_style::long_allow_next;
    try {
      const auto parsed =
          po::command_line_parser(arguments).options(described).style(kStyle).allow_unregistered().run();
      for (const auto& option : parsed.options) take(option);
    } catch (const po::error& error) {
      complain({}, error.what(), "try 'natd --help'");
    }
  }

  Result<CommandLine> finish() {
    if (line_.task == Task::help || line_.task == Task::version) return line_;
    if (line_.task == Task::replay && line_.replay_output.empty()) {
      complain("out", "--replay needs a directory to write to", "name it with --out DIR");
    }
    if (line_.task != Task::replay && replay_only_) {
      complain({}, "--out, --seed and --internal-net belong to --replay",
               "name a capture file with --replay IN.pcap");
    }
    problems_.insert(problems_.end(), line_.assignments.problems.begin(), line_.assignments.problems.end());
    if (!problems_.empty()) return problems_;
    return line_;
  }

 private:
  void complain(std::string key, std::string message, std::string hint) {
    problems_.push_back({{kSource, 0, 0}, std::move(key), std::move(message), std::move(hint)});
  }

  void take(const po::option& option) {
    const std::string value = option.value.empty() ? "" : option.value.front();
    const bool after_unknown = std::exchange(after_unknown_, option.unregistered);
    if (option.position_key != -1) {
      if (after_unknown) return;  // its value
      complain({}, "unexpected argument " + in_quotes(value), "natd takes options only; try 'natd --help'");
    } else if (option.unregistered) {
      unknown(option.string_key);
    } else if (const auto key = kShortNames.find(option.string_key); key != kShortNames.end()) {
      assign(std::string(key->second) + "=" + value);
    } else if (find_option(option.string_key)) {
      assign(option.string_key + "=" + value);
    } else if (option.string_key == "set") {
      assign(value);
    } else {
      take_generated(option.string_key, value);
    }
  }

  void take_generated(const std::string& name, const std::string& value) {
    if (name == "out") {
      line_.replay_output = value;
      replay_only_ = true;
    } else if (name == "seed") {
      take_seed(value);
    } else if (name == "internal-net") {
      take_network(value);
    } else if (name == "config") {
      take_config(value);
    } else if (name == "check-config") {
      take_config(value);
      take_task(Task::check_config);
    } else if (name == "replay") {
      line_.replay_input = value;
      take_task(Task::replay);
    } else {
      take_task(name == "cleanup" ? Task::cleanup : name == "help" ? Task::help : Task::version);
    }
  }

  void take_task(Task task) {
    const bool informs = task == Task::help || task == Task::version;
    if (!informs && line_.task != Task::run && line_.task != task) {
      return complain({}, "--check-config, --cleanup and --replay exclude each other", "give one of them");
    }
    line_.task = task;
  }

  void take_config(const std::string& path) {
    if (!line_.config_path.empty()) return complain("config", "more than one configuration file", "give one");
    if (path.empty()) return complain("config", "the configuration file has no name", "write --config FILE");
    line_.config_path = path;
  }

  void take_network(const std::string& value) {
    const auto prefix = Prefix::parse(value);
    if (!prefix) {
      return complain("internal-net", "--internal-net: " + in_quotes(value) + " is not a network",
                      "write one such as 10.0.0.0/8");
    }
    line_.internal_networks.push_back(*prefix);
    replay_only_ = true;
  }

  void take_seed(const std::string& value) {
    const auto seed = parse_number(value, ~std::uint64_t{0});
    if (!seed)
      complain("seed", "--seed: " + in_quotes(value) + " is not a number", "write a number such as 1");
    line_.seed = seed.value_or(line_.seed);
    replay_only_ = true;
  }

  void assign(const std::string& assignment) {
    const Document parsed = parse_assignments({assignment}, kSource);
    auto& all = line_.assignments;
    all.entries.insert(all.entries.end(), parsed.entries.begin(), parsed.entries.end());
    all.problems.insert(all.problems.end(), parsed.problems.begin(), parsed.problems.end());
  }

  void unknown(const std::string& written) {
    const std::string name = written.substr(0, written.find('='));
    std::vector<std::string> names;
    const po::options_description own = own_options();
    for (const auto& option : own.options()) names.push_back(option->long_name());
    for (const Option& option : options()) names.emplace_back(option.key);
    const std::vector<std::string_view> views(names.begin(), names.end());
    const std::string_view meant = nearest(name, views);
    complain({}, "unknown option " + in_quotes("--" + name),
             meant.empty() ? "try 'natd --help'" : "did you mean '--" + std::string(meant) + "'?");
  }

  CommandLine line_;
  bool replay_only_ = false;    // an option that only a replay has was given
  bool after_unknown_ = false;  // the option before this one was unknown
  Diagnostics problems_;
};

}  // namespace

Result<CommandLine> parse_command_line(const std::vector<std::string>& arguments) {
  Parsing parsing;
  parsing.read(arguments);
  return parsing.finish();
}

std::string command_line_help() {
  std::ostringstream text;
  text << "Usage: natd --internal IF --external IF [OPTION]...\n"
          "       natd --check-config FILE [OPTION]...\n"
          "       natd --replay IN.pcap --out DIR [OPTION]...\n"
          "       natd --cleanup\n"
          "\n"
          "Translates addresses between the hosts behind IF and the Internet (NAT44).\n"
          "\n"
       << own_options()
       << "\n"
          "Every key of natd.conf(5) is an option too: --udp.timeout=5min is timeout = 5min in [udp].\n"
          "The command line is stronger than the file, the file stronger than the defaults.\n";
  return text.str();
}

Result<Settings> load_settings(const CommandLine& command_line) {
  std::vector<Document> documents;
  if (!command_line.config_path.empty()) documents.push_back(read_document(command_line.config_path));
  documents.push_back(command_line.assignments);
  if (command_line.task != Task::replay) return validate({}, documents, Interfaces::required);
  auto settings = validate({}, documents, Interfaces::optional);
  if (settings && settings->extra_addresses.empty()) {
    return Diagnostic{{kSource, 0, 0},
                      "pool.address",
                      "a replay has no interface to take the external address from",
                      "name it with --pool.address=ADDRESS"};
  }
  return settings;
}

}  // namespace nat
