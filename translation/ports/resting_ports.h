// The ports of one address and protocol in quarantine after use, in the order in which it ends (RFC 6888
// REQ-8).
//
// A heap, and for each port its place in it: to add, to take out and to find the next one costs a few steps,
// however many there are. The places are kept in pages that are made when a port of theirs first comes in.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "translation/base/time.h"
#include "translation/net/endpoint.h"

namespace nat {

class RestingPorts {
 public:
  // The port, from 1 on, must not be in quarantine already.
  void add(std::uint16_t port, Endpoint owner, TimePoint until);
  // Nothing happens where the port is not in quarantine.
  void remove(std::uint16_t port);

  bool contains(std::uint16_t port) const { return place_of(port) != 0; }
  // Who had the port; nothing when it is not in quarantine.
  std::optional<Endpoint> owner_of(std::uint16_t port) const;
  // kNever when the port is not in quarantine.
  TimePoint end_of(std::uint16_t port) const {
    const std::uint16_t place = place_of(port);
    return place == 0 ? kNever : heap_[place - 1U].until;
  }
  std::uint32_t size() const { return static_cast<std::uint32_t>(heap_.size()); }
  // The end of the first quarantine, kNever where there is none; and its port, which must be there. Of
  // several that end together it is the one that came in first.
  TimePoint first_end() const { return heap_.empty() ? kNever : heap_.front().until; }
  std::uint16_t first_port() const { return heap_.front().port; }

  template <typename Visit>
  void for_each_port(Visit&& visit) const {
    for (const Rest& rest : heap_) visit(rest.port);
  }

 private:
  struct Rest {
    TimePoint until;
    std::uint64_t serial;  // rising with the time at which the rest began
    Endpoint owner;
    std::uint16_t port;

    bool before(const Rest& other) const {
      return until != other.until ? until < other.until : serial < other.serial;
    }
  };
  static constexpr std::size_t kPage = 256;
  using Page = std::array<std::uint16_t, kPage>;

  // Counted from 1; 0 for a port that is not in quarantine.
  std::uint16_t place_of(std::uint16_t port) const {
    const auto& page = pages_[port / kPage];
    return page ? (*page)[port % kPage] : std::uint16_t{0};
  }
  void put(std::size_t place, const Rest& rest);
  void rise(std::size_t place, const Rest& rest);
  void sink(std::size_t place, const Rest& rest);

  std::vector<Rest> heap_;
  std::array<std::unique_ptr<Page>, 65536 / kPage> pages_;
  std::uint64_t next_serial_ = 0;
};

}  // namespace nat
