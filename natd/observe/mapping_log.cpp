#include "natd/observe/mapping_log.h"

#include <cstdio>
#include <ctime>
#include <utility>

namespace nat {
namespace {

// UTC, as RFC 3339 writes it.
std::string timestamp(std::int64_t unix_milliseconds) {
  const auto seconds = static_cast<std::time_t>(unix_milliseconds / 1000);
  std::tm time{};
  gmtime_r(&seconds, &time);
  char date[32];
  std::strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &time);
  char fraction[8];
  std::snprintf(fraction, sizeof fraction, ".%03dZ", static_cast<int>(unix_milliseconds % 1000));
  return std::string(date) + fraction;
}

}  // namespace

void MappingLog::enable(bool on) {
  const std::lock_guard lock(mutex_);
  on_ = on;
}

std::vector<std::string> MappingLog::take(TimePoint now, std::int64_t unix_milliseconds) {
  std::vector<Entry> entries;
  std::uint64_t lost = 0;
  {
    const std::lock_guard lock(mutex_);
    entries.swap(entries_);
    lost = std::exchange(lost_, 0);
  }
  std::vector<std::string> lines;
  lines.reserve(entries.size() + 1);
  for (const Entry& entry : entries) {
    lines.push_back(line(entry, timestamp(unix_milliseconds - (now - entry.at).count())));
  }
  if (lost > 0)
    lines.push_back(std::to_string(lost) + " mappings made or ended are not in this log: too many at once");
  return lines;
}

std::string MappingLog::line(const Entry& entry, const std::string& time) {
  if (entry.block.first != 0) {
    return std::string("block ") + (entry.made ? "given " : "back ") + time + " " +
           entry.external.address.to_string() + " " + std::to_string(entry.block.first) + "-" +
           std::to_string(entry.block.last) + (entry.made ? " to " : " from ") +
           entry.internal.address.to_string();
  }
  return std::string("mapping ") + (entry.made ? "made " : "ended ") + time + " " +
         to_string(entry.protocol) + " " + entry.internal.to_string() + " -> " + entry.external.to_string() +
         (entry.made ? "" : std::string(" ") + to_string(entry.cause));
}

void MappingLog::changed(const Event& event) {
  switch (event.kind) {
    case EventKind::mapping_made:
    case EventKind::mapping_ended:
      return add({event.kind == EventKind::mapping_made,
                  event.protocol,
                  event.internal,
                  event.external,
                  event.cause,
                  event.at,
                  {}});
    case EventKind::block_given:
    case EventKind::block_returned:
      return add({event.kind == EventKind::block_given,
                  {},
                  event.internal,
                  event.external,
                  {},
                  event.at,
                  event.ports});
    default:
      break;
  }
}

void MappingLog::missed(std::uint64_t changes, std::uint64_t /*drops*/) {
  const std::lock_guard lock(mutex_);
  if (on_) lost_ += changes;
}

void MappingLog::add(const Entry& entry) {
  const std::lock_guard lock(mutex_);
  if (!on_ && entry.block.first == 0) return;
  if (entries_.size() < kMostWaiting) {
    entries_.push_back(entry);
  } else {
    ++lost_;
  }
}

}  // namespace nat
