#include "natd/observe/log.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include <sys/stat.h>
#include <unistd.h>

#include "natd/system/clock.h"

namespace nat {
namespace {

Log& standard_error() {
  static Log log(STDERR_FILENO, Log::journal(STDERR_FILENO, std::getenv("JOURNAL_STREAM")));
  return log;
}

}  // namespace

bool LineBudget::take(TimePoint now) {
  if (now > last_) {
    const double seconds = std::chrono::duration<double>(now - last_).count();
    left_ = std::min(burst_, left_ + seconds * each_second_);
    last_ = now;
  }
  if (left_ < 1) {
    ++refused_;
    return false;
  }
  left_ -= 1;
  return true;
}

std::uint64_t LineBudget::refused() { return std::exchange(refused_, 0); }

bool Log::journal(int fd, const char* journal_stream) {
  struct stat status {};
  if (journal_stream == nullptr || fstat(fd, &status) != 0) return false;
  return journal_stream == std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
}

void Log::write(Level level, std::string_view message, TimePoint now) {
  const std::lock_guard lock(mutex_);
  if (level != Level::error) {
    if (!budget_.take(now)) return;
    if (const std::uint64_t lost = budget_.refused(); lost > 0) {
      put(Level::warning, std::to_string(lost) + " log lines were left out: too many in a short time");
    }
  }
  while (!message.empty()) {
    const std::size_t end = std::min(message.find('\n'), message.size());
    put(level, message.substr(0, end));
    message.remove_prefix(std::min(end + 1, message.size()));
  }
}

void Log::record(std::string_view message) {
  const std::lock_guard lock(mutex_);
  put(Level::info, message);
}

void Log::put(Level level, std::string_view message) {
  std::string line = priorities_ ? "<" + std::to_string(static_cast<int>(level)) + ">" : "natd: ";
  if (!priorities_ && level == Level::error) line += "error: ";
  if (!priorities_ && level == Level::warning) line += "warning: ";
  line += message;
  // Nothing from a packet or a client may end a line or steer a terminal.
  std::replace_if(
      line.begin(), line.end(), [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; }, '?');
  line += '\n';
  ssize_t written = 0;
  do written = ::write(fd_, line.data(), line.size());
  while (written < 0 && errno == EINTR);
}

void log_error(std::string_view message) { standard_error().write(Level::error, message, monotonic_now()); }
void log_warning(std::string_view message) {
  standard_error().write(Level::warning, message, monotonic_now());
}
void log_notice(std::string_view message) { standard_error().write(Level::notice, message, monotonic_now()); }
void log_info(std::string_view message) { standard_error().write(Level::info, message, monotonic_now()); }
void log_record(std::string_view message) { standard_error().record(message); }

}  // namespace nat
