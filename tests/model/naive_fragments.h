// The naive memory for fragmented datagrams: a list of what was seen of each, walked from end to end. Beside
// NaiveNat, which judges first fragments like whole packets, it says what must become of all the others.
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <tuple>
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
  bool last = false;
  std::uint32_t size = 0;  // of the packet
  std::uint64_t token = 0;

  auto name() const { return std::tuple(source, destination, identification, protocol, in); }
  bool same_datagram(const Piece& other) const { return name() == other.name(); }
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

  // How often it came to that.
  struct Reached {
    std::uint64_t begun_anew = 0;              // under the name of one that was complete
    std::array<std::uint64_t, 3> share{};      // a source at its share: of datagrams, fragments held, bytes
    std::array<std::uint64_t, 3> all{};        // all is used: likewise
    std::uint64_t waiting_beside_decided = 0;  // in either case, with both kinds of several sources there
  };
  const Reached& reached() const { return reached_; }

 private:
  struct Datagram {
    Piece key;
    std::optional<Reason> decision;
    TimePoint until;
    std::vector<Piece> seen;
    std::vector<Piece> held;
    bool complete() const;
  };
  using Datagrams = std::list<Datagram>;  // in the order of their coming
  enum Room { places, fragments, bytes };

  Datagrams::iterator find(const Piece& piece);
  Datagrams::iterator make(const Piece& piece, const Policy& policy, TimePoint now);
  static std::optional<Reason> misfit(const Datagram& datagram, const Piece& piece);
  // Of a source, or of all.
  std::uint32_t used(Room room, const Address* source) const;
  Datagrams::iterator oldest(Room room, const Address* source, const Piece* spared);
  Datagrams::iterator first_to_go(Room room, std::uint32_t part, const Piece* spared);
  bool make_room(Room room, const Piece& piece, std::uint32_t more, const Piece* spared,
                 const Policy& policy);
  void give_up(Datagrams::iterator datagram, Reason reason);
  void forget(Datagrams::iterator datagram);
  void note_eviction(std::uint64_t& count);

  Datagrams datagrams_;
  std::list<Address> sources_;  // that have datagrams, in the order of their coming
  std::set<decltype(Piece().name())> completed_;
  Reached reached_;
};

}  // namespace nat::test
