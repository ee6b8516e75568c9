// The naive memory for fragmented datagrams: a list of what was seen of each, walked from end to end. Beside
// NaiveNat, which judges first fragments like whole packets, it says what must become of all the others.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <vector>

#include "translation/net/address.h"
#include "translation/policy/policy.h"
#include "translation/state/view.h"

namespace nat::test {

struct Piece {
  Address source, destination;
  std::uint16_t identification = 0;
  Protocol protocol = Protocol::udp;
  Realm in = Realm::internal;
  std::uint32_t begin = 0, end = 0;  // of the datagram's octets behind the IP header
  std::uint32_t size = 0;            // of the packet
  std::uint64_t token = 0;

  bool same_datagram(const Piece& other) const {
    return source == other.source && destination == other.destination && protocol == other.protocol &&
           identification == other.identification && in == other.in;
  }
};

class NaiveFragments {
 public:
  // What must become of a first fragment before it is judged as a packet; nothing when it is to be judged.
  std::optional<Reason> first(const Piece& piece, const Policy& policy, TimePoint now);
  // And what was decided for it.
  void decide(const Piece& piece, Reason reason, const Policy& policy, TimePoint now);
  // What must become of another one.
  Reason later(const Piece& piece, const Policy& policy, TimePoint now);
  // Gives up what has waited too long.
  void settle(TimePoint now);

  // Held fragments that must have been let go by now, and how; whoever sees that happen takes them out.
  std::map<std::uint64_t, Reason> owed;
  bool empty() const { return datagrams_.empty(); }

 private:
  struct Datagram {
    Piece key;
    std::optional<Reason> decision;
    TimePoint until;
    std::vector<Piece> seen;
    std::vector<Piece> held;
  };
  using Datagrams =
      std::list<Datagram>;  // those that wait in the order of their coming, then the decided ones

  Datagrams::iterator find_or_make(const Piece& piece, const Policy& policy, TimePoint now);
  Datagrams::iterator oldest(const Address* source, const Piece* spared);
  static std::optional<Reason> misfit(const Datagram& datagram, const Piece& piece);
  bool evict(const Piece& piece, const Policy& policy);
  void give_up(Datagrams::iterator datagram, Reason reason);
  std::uint32_t octets_held(const Address* source) const;

  Datagrams datagrams_;
};

}  // namespace nat::test
