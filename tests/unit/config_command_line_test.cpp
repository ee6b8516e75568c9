#include <cstdio>
#include <fstream>

#include <gtest/gtest.h>

#include "config/command_line.h"
#include "config/option.h"

namespace nat {
namespace {

using namespace std::chrono_literals;

Settings settings_of(const std::vector<std::string>& arguments) {
  const auto line = parse_command_line(arguments);
  EXPECT_TRUE(line) << (line ? "" : to_string(line.problems()));
  if (!line) return {};
  const auto settings = load_settings(*line);
  EXPECT_TRUE(settings) << (settings ? "" : to_string(settings.problems()));
  return settings ? *settings : Settings{};
}

std::string problems_of(const std::vector<std::string>& arguments) {
  const auto line = parse_command_line(arguments);
  return line ? "" : to_string(line.problems());
}

class ConfigFile {
 public:
  explicit ConfigFile(const std::string& text) { std::ofstream(path_) << text; }
  ~ConfigFile() { std::remove(path_.c_str()); }
  const std::string& path() const { return path_; }

 private:
  std::string path_ = testing::TempDir() + "natd-command-line-" +
                      testing::UnitTest::GetInstance()->current_test_info()->name() + ".conf";
};

TEST(ConfigCommandLine, TwoInterfacesAreEnough) {
  const Settings settings = settings_of({"--internal", "lan0", "--external=wan0"});
  EXPECT_EQ(settings.internal_interface, "lan0");
  EXPECT_EQ(settings.external_interface, "wan0");
}

TEST(ConfigCommandLine, EveryKeyIsAnOption) {
  for (const Option& option : options()) {
    const std::string assignment = std::string(option.key) + "=" + option.default_value();
    EXPECT_EQ(problems_of({"--set", assignment}), "") << assignment;
    if (option.default_value().empty()) continue;  // Boost wants something after "="
    EXPECT_EQ(problems_of({"--" + assignment}), "") << assignment;
  }
}

TEST(ConfigCommandLine, TheSameKeyInFourWays) {
  const std::vector<std::string> interfaces = {"--internal=lan0", "--external=wan0"};
  for (const std::vector<std::string>& more :
       std::vector<std::vector<std::string>>{{"--udp.timeout=7min"},
                                             {"--udp.timeout", "7min"},
                                             {"--set", "udp.timeout=7min"},
                                             {"--set=udp.timeout=7min"}}) {
    auto arguments = interfaces;
    arguments.insert(arguments.end(), more.begin(), more.end());
    EXPECT_EQ(settings_of(arguments).policy.timeouts.udp, Duration(7min)) << more.front();
  }
}

TEST(ConfigCommandLine, IsStrongerThanTheFileAndTheFileThanTheDefaults) {
  const ConfigFile file("[interfaces]\ninternal = lan0\n[udp]\ntimeout = 6min\n[icmp]\ntimeout = 2min\n");
  const Settings settings =
      settings_of({"--config", file.path(), "--external", "wan0", "--udp.timeout=7min"});
  EXPECT_EQ(settings.internal_interface, "lan0");
  EXPECT_EQ(settings.policy.timeouts.udp, Duration(7min));
  EXPECT_EQ(settings.policy.timeouts.icmp, Duration(2min));
  EXPECT_EQ(settings.policy.timeouts.tcp_established, Duration(7440s));
}

TEST(ConfigCommandLine, AnEmptyFileIsEnough) {
  const ConfigFile file("");
  EXPECT_EQ(settings_of({"--config", file.path(), "--internal=a", "--external=b"}).internal_interface, "a");
}

TEST(ConfigCommandLine, ShortNamesAreTheirKeys) {
  const Settings settings =
      settings_of({"--internal=a", "--external=b", "--control=/run/x.sock", "--datapath=tun"});
  EXPECT_EQ(settings.control_path, "/run/x.sock");
  EXPECT_EQ(settings.datapath, DatapathKind::tun);
}

TEST(ConfigCommandLine, SaysWhatToDo) {
  EXPECT_EQ(parse_command_line({})->task, Task::run);
  EXPECT_EQ(parse_command_line({"--cleanup"})->task, Task::cleanup);
  EXPECT_EQ(parse_command_line({"--help"})->task, Task::help);
  EXPECT_EQ(parse_command_line({"--version"})->task, Task::version);
  const auto check = parse_command_line({"--check-config", "natd.conf"});
  ASSERT_TRUE(check);
  EXPECT_EQ(check->task, Task::check_config);
  EXPECT_EQ(check->config_path, "natd.conf");
}

TEST(ConfigCommandLine, AReplayHasItsOwnOptions) {
  const auto line = parse_command_line({"--replay", "in.pcap", "--out", "dir", "--seed", "7",
                                        "--internal-net", "10.0.0.0/8", "--internal-net=192.168.0.0/16"});
  ASSERT_TRUE(line);
  EXPECT_EQ(line->task, Task::replay);
  EXPECT_EQ(line->replay_input, "in.pcap");
  EXPECT_EQ(line->replay_output, "dir");
  EXPECT_EQ(line->seed, 7U);
  EXPECT_EQ(line->internal_networks.size(), 2U);
}

TEST(ConfigCommandLine, AReplayNeedsAnOutputAndAnExternalAddress) {
  EXPECT_NE(problems_of({"--replay", "in.pcap"}), "");
  const auto line = parse_command_line({"--replay", "in.pcap", "--out", "dir"});
  ASSERT_TRUE(line);
  EXPECT_FALSE(load_settings(*line));
  const auto complete =
      parse_command_line({"--replay", "in.pcap", "--out", "dir", "--pool.address=203.0.113.5"});
  ASSERT_TRUE(complete);
  EXPECT_TRUE(load_settings(*complete));
}

TEST(ConfigCommandLine, OptionsOfAReplayNeedAReplay) {
  for (const char* argument : {"--out=dir", "--seed=1", "--internal-net=10.0.0.0/8"}) {
    EXPECT_NE(problems_of({argument}), "") << argument;
  }
  EXPECT_NE(problems_of({"--replay=a", "--out=b", "--seed=-1"}), "");
  EXPECT_NE(problems_of({"--replay=a", "--out=b", "--internal-net=10.0.0.0/33"}), "");
}

TEST(ConfigCommandLine, OneTaskAndOneFileAtATime) {
  EXPECT_NE(problems_of({"--cleanup", "--replay=a", "--out=b"}), "");
  EXPECT_NE(problems_of({"--config=a", "--config=b"}), "");
  EXPECT_NE(problems_of({"--config=a", "--check-config=b"}), "");
}

TEST(ConfigCommandLine, NothingIsGuessed) {
  EXPECT_EQ(problems_of({"--inter", "lan0"}),
            "command line: error: unknown option '--inter'; try 'natd --help'\n");
  EXPECT_NE(problems_of({"--vers"}), "");
}

TEST(ConfigCommandLine, AnUnknownOptionSuggestsTheNearest) {
  EXPECT_EQ(problems_of({"--intrnal", "lan0"}),
            "command line: error: unknown option '--intrnal'; did you mean '--internal'?\n");
  EXPECT_EQ(problems_of({"--udp.timout=5"}),
            "command line: error: unknown option '--udp.timout'; did you mean '--udp.timeout'?\n");
}

TEST(ConfigCommandLine, RefusesWhatIsNoOption) {
  EXPECT_NE(problems_of({"lan0"}), "");
  EXPECT_NE(problems_of({"--internal"}), "");
  EXPECT_NE(problems_of({"--internal", "--external", "wan0"}), "");
  EXPECT_NE(problems_of({"--set", "nonsense"}), "");
  EXPECT_NE(problems_of({"-x"}), "");
  EXPECT_NE(problems_of({"--config="}), "");
  EXPECT_NE(problems_of({"--cleanup=yes"}), "");
}

TEST(ConfigCommandLine, ProblemsOfFileAndCommandLineComeTogether) {
  const ConfigFile file("[udp]\ntimeout = soon\n");
  const auto line =
      parse_command_line({"--config", file.path(), "--internal=a", "--external=b", "--tcp.opening=later"});
  ASSERT_TRUE(line);
  const auto settings = load_settings(*line);
  ASSERT_FALSE(settings);
  ASSERT_EQ(settings.problems().size(), 2U);
  EXPECT_EQ(settings.problems()[0].at.source, file.path());
  EXPECT_EQ(settings.problems()[1].at.source, "command line");
}

TEST(ConfigCommandLine, AMissingInterfaceIsMissingInTheFile) {
  const ConfigFile file("");
  const auto line = parse_command_line({"--check-config", file.path(), "--external=wan0"});
  ASSERT_TRUE(line);
  const auto settings = load_settings(*line);
  ASSERT_FALSE(settings);
  EXPECT_EQ(
      to_string(settings.problems()),
      file.path() +
          ": error: interfaces.internal is not set; name it in the file or with --internal; 'ip -br link' "
          "lists the interfaces\n");
}

TEST(ConfigCommandLine, HelpNamesEveryOptionOfItsOwn) {
  const std::string help = command_line_help();
  for (const char* option :
       {"--internal", "--external", "--config", "--control", "--datapath", "--set", "--check-config",
        "--cleanup", "--replay", "--out", "--seed", "--help", "--version"}) {
    EXPECT_NE(help.find(option), std::string::npos) << option;
  }
}

}  // namespace
}  // namespace nat
