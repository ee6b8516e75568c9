// The log of mappings that providers keep (RFC 6888 section 4): one line when a mapping is made and one when
// it ends, with protocol, internal and external endpoint and the time. Never a remote address (REQ-12), not
// even where a mapping is for one remote only.
//
//   mapping made 2026-11-21T13:12:47.123Z udp 10.0.0.1:4321 -> 203.0.113.11:4321
//   mapping ended 2026-11-21T13:17:48.002Z udp 10.0.0.1:4321 -> 203.0.113.11:4321 expired
//
// Where ports are divided into blocks (translation/ports/port_blocks.h) the configuration says whose a port
// is, but for the extra blocks; those are always logged, whether mappings are or not (RFC 7422 section 2):
//
//   block given 2026-11-21T13:12:47.123Z 203.0.113.11 57472-57535 to 10.0.0.1
//   block back 2026-11-21T13:17:48.002Z 203.0.113.11 57472-57535 from 10.0.0.1
//
// What happens is noted; the daemon's loop writes it soon after.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "natd/observe/event_subscriber.h"

namespace nat {

class MappingLog : public EventSubscriber {
 public:
  // What may wait to be written; beyond it lines are counted instead, and the count is a line.
  static constexpr std::size_t kMostWaiting = 65536;

  // Mappings that are there already when it is switched on are not logged.
  void enable(bool on);
  // What happened since the last call, as lines. `now` and `unix_milliseconds` are one moment on both clocks.
  std::vector<std::string> take(TimePoint now, std::int64_t unix_milliseconds);

  // --- EventSubscriber
  void changed(const Event& event) override;
  void missed(std::uint64_t changes, std::uint64_t drops) override;

 private:
  struct Entry {
    bool made = false;
    Protocol protocol = Protocol::udp;
    Endpoint internal, external;
    RemovalCause cause = RemovalCause::expired;
    TimePoint at;
    PortRange block{};  // when it is about one; then the endpoints have no ports
  };
  static std::string line(const Entry& entry, const std::string& time);
  void add(const Entry& entry);

  std::mutex mutex_;
  bool on_ = false;
  std::vector<Entry> entries_;
  std::uint64_t lost_ = 0;
};

}  // namespace nat
