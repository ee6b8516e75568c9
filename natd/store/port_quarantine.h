// Which external UDP ports and echo identifiers were in use when, written down as natd reads the event, so
// that a released port stays in quarantine for its time even when natd is restarted or killed in between (RFC
// 6888 REQ-8).
//
// One file for each network namespace, /run/natd/netns-INODE.ports: a head, then a record of 16 octets for
// each number, in two planes (UDP, ICMP) for each external address. It has holes where nothing was ever in
// use, and is at most 2 MiB large for an address. The head names the boot and the namespace: what another one
// left is not read, nor is anything that makes no sense.
//
// The file is mapped, and a record is stored there for each mapping that begins or ends; what the
// page cache holds survives the process, and the machine's restart forgets all. Blocks are allocated, 64 KiB
// at a time, before anything is stored in them: a full disk is an error here, and no signal. It is logged
// once and given up; then released ports have no quarantine over a restart.
//
// An address has a place in the file from its first mapping on. There are 256; then the place of an address
// that has nothing in use goes to the next one, an hour after its last mapping ended, when nothing can be in
// quarantine. Where no place is left, that is logged once, and the ports of the newcomer have no quarantine
// over a restart.
#pragma once

#include <array>
#include <atomic>
#include <bitset>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "natd/observe/event_subscriber.h"
#include "natd/system/event_loop.h"
#include "translation/state/view.h"

namespace nat {

class PortQuarantine : public EventSubscriber {
 public:
  // Opens or makes the file. Throws nothing: without a file it keeps nothing, and problem() says why.
  explicit PortQuarantine(const std::string& directory = "/run/natd");
  // Removes a file that is not needed.
  ~PortQuarantine() override;
  PortQuarantine(const PortQuarantine&) = delete;
  PortQuarantine& operator=(const PortQuarantine&) = delete;

  // What an earlier natd had in use or let go less than `rest` ago, the earliest end of quarantine first.
  // What was in use counts as let go now, and is noted so.
  std::vector<QuarantinedPort> load(Duration rest, TimePoint now);

  // Why it knows nothing, or nothing of some addresses; empty while it does. Any thread.
  std::string problem() const {
    const std::lock_guard lock(mutex_);
    return problem_;
  }

  // --- EventSubscriber
  void changed(const Event& event) override;
  void missed(std::uint64_t changes, std::uint64_t drops) override;
  // Whether something was missed since it was last asked; then the mappings there are must be noted anew.
  bool take_missed() { return missed_.exchange(false); }
  // A mapping that is there.
  void note_present(const MappingView& mapping, TimePoint now);

  static constexpr std::size_t kMostAddresses = 256;
  // The most that ports.rest may be (config/options.def).
  static constexpr Duration kLongestQuarantine = std::chrono::hours(1);

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
  // What the address of a place still needs it for.
  struct Need {
    std::uint32_t in_use = 0;
    TimePoint rested{};  // when nothing can be in quarantine any more
  };

  // Where things stand in the file.
  static constexpr std::size_t kHeadSize = 4096;
  static constexpr std::size_t kPlane = 65536 * sizeof(Record);
  static constexpr std::size_t kPlace = 2 * kPlane;
  static constexpr std::size_t kLargest = kHeadSize + kMostAddresses * kPlace;
  static constexpr std::size_t kGranule = 65536;
  static std::size_t plane_at(std::size_t place, std::size_t plane) {
    return kHeadSize + place * kPlace + plane * kPlane;
  }

  static Head fresh_head();
  void begin_anew();
  void map();
  void load_plane(std::size_t place, std::size_t plane, Duration rest, TimePoint now,
                  std::vector<QuarantinedPort>& found);
  // With `mutex_` held.
  void note(Protocol protocol, Endpoint internal, Endpoint external, bool in_use, TimePoint now);
  // The place of the address, which it gets when there is one to have.
  std::optional<std::size_t> place_of(Address address, TimePoint now);
  std::optional<std::size_t> free_place(TimePoint now);
  void store(const Record& record, std::size_t at);
  // Whether what stands there may be touched.
  bool allocate(std::size_t at);
  void write_head();
  void give_up(const std::string& what);

  struct Unmap {
    void operator()(std::uint8_t* memory) const;
  };
  mutable std::mutex mutex_;  // guards what follows, from load() on
  std::atomic<bool> missed_{false};
  std::string path_;
  std::string problem_;
  bool given_up_ = false;
  Descriptor file_;
  Head head_;
  std::unique_ptr<std::uint8_t, Unmap> memory_;
  std::bitset<kMostAddresses * kPlace / kGranule> allocated_;
  std::array<Need, kMostAddresses> needs_{};
  bool needed_ = false;  // something is in use, or may be in quarantine
};

}  // namespace nat
