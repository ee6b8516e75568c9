// What natd says on standard error: one line for each event. Where standard error is the journal
// (JOURNAL_STREAM of sd-daemon(3) names it), lines carry the priority as "<N>"; else they are plain sentences
// after "natd: ".
//
// Any thread may log. Lines beyond a budget are counted instead of written, and the count is said later: a
// flood of events must not become a flood of writes. Errors and records are always written.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "translation/base/time.h"

namespace nat {

// The priorities of syslog(3) that natd uses.
enum class Level : std::uint8_t { error = 3, warning = 4, notice = 5, info = 6 };

// So many lines at once, and so many more with each second.
class LineBudget {
 public:
  LineBudget(double burst, double each_second) : burst_(burst), each_second_(each_second), left_(burst) {}

  bool take(TimePoint now);
  // How many were refused since it was last asked.
  std::uint64_t refused();

 private:
  double burst_;
  double each_second_;
  double left_;
  TimePoint last_{};
  std::uint64_t refused_ = 0;
};

class Log {
 public:
  // `priorities`: write "<N>" in front.
  Log(int fd, bool priorities) : fd_(fd), priorities_(priorities) {}

  // A line of its own; line breaks in `message` become several lines of the same level.
  void write(Level level, std::string_view message, TimePoint now);
  // A record that the operator asked for, and that no budget keeps back.
  void record(std::string_view message);

  // Whether the environment says that this descriptor is connected to the journal.
  static bool journal(int fd, const char* journal_stream);

 private:
  void put(Level level, std::string_view message);

  const int fd_;
  const bool priorities_;
  std::mutex mutex_;
  LineBudget budget_{200, 20};
};

// To the process's standard error.
void log_error(std::string_view message);
void log_warning(std::string_view message);
void log_notice(std::string_view message);
void log_info(std::string_view message);
void log_record(std::string_view message);

}  // namespace nat
