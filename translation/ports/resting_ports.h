// The ports of one address and protocol that rest after use, in the order in which their rest ends (RFC 6888
// REQ-8).
//
// A heap, and for each port its place in it: to add, to take out and to find the next one costs a few steps,
// however many rest. The places are kept in pages that are made when a port of theirs first rests.
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
  // The port, from 1 on, must not rest already.
  void add(std::uint16_t port, Endpoint owner, TimePoint until);
  // Nothing happens where the port does not rest.
  void remove(std::uint16_t port);

  bool contains(std::uint16_t port) const { return place_of(port) != 0; }
  // Who had the port; nothing when it does not rest.
  std::optional<Endpoint> owner_of(std::uint16_t port) const;
  // kNever when the port does not rest.
  TimePoint end_of(std::uint16_t port) const {
    const std::uint16_t place = place_of(port);
    return place == 0 ? kNever : heap_[place - 1U].until;
  }
  std::uint32_t size() const { return static_cast<std::uint32_t>(heap_.size()); }
  // The end of the first rest, kNever where nothing rests; and its port, which must be there. Of several that
  // end together it is the one that rested longest.
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

  // Counted from 1; 0 for a port that does not rest.
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
