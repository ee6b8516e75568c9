// natd(8): argv and wiring only.
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <vector>

#include "config/command_line.h"
#include "natd/daemon.h"
#include "natd/datapath/replay/replay.h"
#include "natd/observe/log.h"
#include "natd/system/leftovers.h"
#include "natd/system/privilege.h"
#include "natd/system/stale_files.h"

namespace {

using namespace nat;

// The same mistake will be there at the next start, too: natd.service does not start natd again.
constexpr int kWrongSettings = 2;

int complain(const Diagnostics& problems) {
  std::fputs(to_string(problems).c_str(), stderr);
  return kWrongSettings;
}

int check_config(const CommandLine& line) {
  const auto settings = load_settings(line);
  if (!settings) return complain(settings.problems());
  std::printf("%s: ok\n", line.config_path.c_str());
  return 0;
}

int clean_up() {
  require_privileges();
  const Instance instance;
  remove_stale_files(kStateDirectory);
  Journal journal;
  journal.add_leftovers(find_leftovers());
  if (!journal.stale()) {
    std::puts("natd: there is nothing to clean up in this network namespace");
    return 0;
  }
  for (const std::string& step : journal.pending()) std::printf("natd: %s\n", step.c_str());
  const auto failures = journal.undo_all();
  for (const std::string& failure : failures) log_error(failure);
  if (!failures.empty()) {
    log_error(journal.advice());
    return 1;
  }
  std::puts("natd: cleaned up what an earlier natd had left");
  return 0;
}

int run_replay(const CommandLine& line) {
  const auto settings = load_settings(line);
  if (!settings) return complain(settings.problems());
  ReplayJob job;
  job.capture = line.replay_input;
  job.directory = line.replay_output;
  job.seed = line.seed;
  if (!line.internal_networks.empty()) job.internal = line.internal_networks;
  job.policy = settings->policy;
  job.policy.external_addresses = settings->extra_addresses;
  const ReplaySummary summary = replay(job);
  std::printf("natd: %llu packets: %llu forwarded, %llu dropped, %llu not IPv4; %s/verdicts.jsonl\n",
              static_cast<unsigned long long>(summary.packets),
              static_cast<unsigned long long>(summary.forwarded),
              static_cast<unsigned long long>(summary.dropped),
              static_cast<unsigned long long>(summary.skipped), job.directory.c_str());
  if (summary.cut > 0) {
    log_warning(std::to_string(summary.cut) +
                " packets were captured in part only and count as malformed; capture "
                "whole packets (tcpdump -s 0)");
  }
  return 0;
}

int run_daemon(const CommandLine& line) {
  const auto settings = load_settings(line);
  if (!settings) return complain(settings.problems());
  return Daemon(*settings, [&line] { return load_settings(line); }).run() ? 0 : 1;
}

int run(const CommandLine& line) {
  switch (line.task) {
    case Task::help:
      std::fputs(command_line_help().c_str(), stdout);
      return 0;
    case Task::version:
      std::puts("natd " NATD_VERSION);
      return 0;
    case Task::check_config:
      return check_config(line);
    case Task::cleanup:
      return clean_up();
    case Task::replay:
      return run_replay(line);
    case Task::run:
      break;
  }
  return run_daemon(line);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const auto line = parse_command_line({argv + 1, argv + argc});
    return line ? run(*line) : complain(line.problems());
  } catch (const std::exception& error) {
    log_error(error.what());
    return 1;
  }
}
