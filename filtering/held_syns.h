// SYNs from outside that no mapping or no filter wanted, held until it is clear that the internal side will
// not connect to their sender in turn (RFC 5382 REQ-4): only then, after six seconds of silence, may their
// sender learn that nothing listens. One for each pair of endpoints; a retransmission begins the time anew.
#pragma once

#include <cstdint>
#include <list>
#include <unordered_map>
#include <vector>

#include "translation/base/siphash.h"
#include "translation/base/time.h"
#include "translation/net/endpoint.h"
#include "translation/net/packet.h"

namespace nat {

class HeldSyns {
 public:
  // Six seconds and a tick of the engine's clock, which shows the time a SYN arrived up to a tick too early.
  static constexpr Duration kHold = std::chrono::seconds(6) + Duration(1);

  explicit HeldSyns(const HashSecret& secret) : places_(16, KeyHash{secret}) {}

  // False when `most` are held already: a flood shuts out the newcomer, who hears nothing, and no other.
  bool hold(const PacketView& syn, std::uint32_t most, TimePoint now);
  // The two have come together.
  void forget(Endpoint external, Endpoint remote);
  void clear();

  // The ICMP error for the sender of a SYN whose time is over; false when there is none.
  bool take_due(TimePoint now, std::vector<std::uint8_t>& error);
  TimePoint next_deadline() const { return queue_.empty() ? kNever : queue_.front().deadline; }

  bool empty() const { return queue_.empty(); }
  std::uint32_t held() const { return static_cast<std::uint32_t>(places_.size()); }

 private:
  struct Key {
    Endpoint external, remote;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    HashSecret secret;
    std::size_t operator()(const Key& key) const {
      return siphash13(secret, std::uint64_t{key.external.address.value()} << 32 | key.remote.address.value(),
                       std::uint64_t{key.external.port} << 16 | key.remote.port);
    }
  };
  struct Held {
    Key key;
    TimePoint deadline;
    std::vector<std::uint8_t> error;  // made when the SYN was at hand
  };

  std::list<Held> queue_;  // by deadline, as all are held equally long
  std::unordered_map<Key, std::list<Held>::iterator, KeyHash> places_;
};

}  // namespace nat
