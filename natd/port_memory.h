// Which external UDP ports and echo identifiers were in use when, written down as it happens, so that a
// released port rests its time out even when natd is restarted or killed in between (RFC 6888 REQ-8).
//
// One file for each network namespace, /run/natd/netns-INODE.ports: a head, then a record of 16 octets for
// each number, in two planes (UDP, ICMP) for each external address. It has holes where nothing was ever in
// use, and is at most 2 MiB large for an address. Each mapping that begins or ends writes its record; what
// the page cache holds survives the process, and the machine's restart forgets all. The head names the boot
// and the namespace: what another one left is not read, nor is anything that makes no sense. Writing that
// fails (a full disk) is told once and given up; then released ports do not rest over a restart.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "natd/event_loop.h"
#include "translation/view.h"

namespace nat {

class PortMemory : public Observer {
 public:
  // Opens or makes the file. Throws nothing: without a file it remembers nothing, and problem() says why.
  explicit PortMemory(const std::string& directory = "/run/natd");
  // Takes away a file that nobody needs.
  ~PortMemory() override;
  PortMemory(const PortMemory&) = delete;
  PortMemory& operator=(const PortMemory&) = delete;

  // What an earlier natd had in use or let go less than `rest` ago, the earliest end of rest first. What was
  // in use counts as let go now, and is noted so.
  std::vector<RestingPort> recall(Duration rest, TimePoint now);

  // Why it remembers nothing; empty while it does. Where it observes an engine, to be asked under its lock.
  std::string problem() const { return problem_; }

  // --- Observer
  void mapping_created(const MappingView& mapping, TimePoint now) override { note(mapping, true, now); }
  void mapping_removed(const MappingView& mapping, RemovalCause, TimePoint now) override {
    note(mapping, false, now);
  }
  void refused(const Refusal&, TimePoint) override {}

  static constexpr std::size_t kMostAddresses = 256;

 private:
  enum class State : std::uint8_t { unused, in_use, released };
  struct Record {
    std::int64_t since = 0;  // milliseconds of the engine's clock
    std::uint32_t owner_address = 0;
    std::uint16_t owner_port = 0;
    State state = State::unused;
    std::uint8_t spare = 0;
  };
  static_assert(sizeof(Record) == 16);
  struct Head {
    std::array<char, 8> magic{};
    std::array<char, 40> boot{};
    std::uint64_t cookie = 0;
    std::array<std::uint32_t, kMostAddresses> addresses{};  // 0 for none
    bool operator==(const Head&) const = default;
  };

  static Head fresh_head();
  void begin_anew();
  void note(const MappingView& mapping, bool in_use, TimePoint now);
  // The place of the address among those of the head, which it joins when there is room.
  int place_of(Address address);
  void write(const void* from, std::size_t length, std::int64_t at);

  std::string path_;
  std::string problem_;
  Descriptor file_;
  Head head_;
  bool needed_ = false;  // something is in use, or may rest
};

}  // namespace nat
