// What the memory for fragments (fragments.h) is used for, limit by limit: by each source, and in all; and
// who gives way where a limit is met.
//
// A source that is at its share gives up the oldest of its own. Where all is used, the source that uses most
// gives way, so that a few who flood take nothing from the others; where none uses much more than others,
// as when a flood forges ever new sources, the oldest of all goes.
//
// Each of these is found at once. To note a change takes some comparisons, as many as the number of sources
// has binary digits. Sources are hashed with a secret, since remote hosts choose them.
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <set>
#include <unordered_map>

#include "translation/base/siphash.h"
#include "translation/net/address.h"

namespace nat {

struct FragmentedDatagram;

// What is limited: limits.fragments, limits.held-fragments, limits.fragment-bytes
enum class FragmentLimit : std::uint8_t { datagrams, held, bytes };
inline constexpr std::size_t kFragmentLimits = 3;

class FragmentUse {
 public:
  using Datagrams = std::list<FragmentedDatagram*>;  // the oldest first

  explicit FragmentUse(const HashSecret& secret) : sources_(16, SourceHash{secret}) {}
  FragmentUse(const FragmentUse&) = delete;
  FragmentUse& operator=(const FragmentUse&) = delete;

  // Room for so many datagrams, each of a source of its own, without a pause to hash them anew.
  void reserve(std::uint32_t datagrams) { sources_.reserve(datagrams); }

  // A datagram, which must stay where it is until it is removed. One that is removed holds nothing.
  void add(FragmentedDatagram& datagram);
  void remove(FragmentedDatagram& datagram);
  // The datagram has come to hold one fragment more, or holds so many less; `bytes` is what they cost.
  void held(FragmentedDatagram& datagram, std::uint32_t bytes);
  void let_go(FragmentedDatagram& datagram, std::uint32_t fragments, std::uint32_t bytes);

  std::uint32_t total(FragmentLimit limit) const { return total_[index(limit)]; }
  std::uint32_t of(Address source, FragmentLimit limit) const;

  // Datagrams that take room of that limit; null when there is none but `spared`, which may be null itself.
  FragmentedDatagram* oldest_of(Address source, FragmentLimit limit, const FragmentedDatagram* spared) const;
  // Of the source that uses most, if that is more than `part`; else the oldest of all.
  FragmentedDatagram* first_to_go(FragmentLimit limit, std::uint32_t part,
                                  const FragmentedDatagram* spared) const;

  struct Source {
    std::uint64_t number = 0;  // in the order of their coming
    std::array<std::uint32_t, kFragmentLimits> used{};
    Datagrams all;
    Datagrams holding;  // those of them that hold fragments
    const Datagrams& taking(FragmentLimit limit) const {
      return limit == FragmentLimit::datagrams ? all : holding;
    }
  };
  // Where a datagram stands.
  struct Place {
    Source* source = nullptr;
    Datagrams::iterator among_all, among_own;
    Datagrams::iterator among_holding, among_own_holding;  // while it holds fragments
  };

 private:
  struct SourceHash {
    HashSecret secret;
    std::size_t operator()(Address address) const { return siphash13(secret, address.value(), 0); }
  };
  // Who uses most is the first; of equals, who came first.
  struct Rank {
    std::uint32_t used;
    Source* source;
    bool operator<(const Rank& other) const {
      return used != other.used ? used > other.used : source->number < other.source->number;
    }
  };

  static constexpr std::size_t index(FragmentLimit limit) { return static_cast<std::size_t>(limit); }
  void change(Source& source, FragmentLimit limit, std::uint32_t more, std::uint32_t less);

  std::unordered_map<Address, Source, SourceHash> sources_;
  std::array<std::set<Rank>, kFragmentLimits> ranks_;
  std::array<std::uint32_t, kFragmentLimits> total_{};
  Datagrams all_;
  Datagrams holding_;
  std::uint64_t next_number_ = 0;
};

}  // namespace nat
