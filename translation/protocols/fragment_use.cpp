#include "translation/protocols/fragment_use.h"

#include "translation/protocols/fragmented_datagram.h"

namespace nat {
namespace {

FragmentedDatagram* first_but(const FragmentUse::Datagrams& datagrams, const FragmentedDatagram* spared) {
  auto first = datagrams.begin();
  if (first != datagrams.end() && *first == spared) ++first;
  return first == datagrams.end() ? nullptr : *first;
}

}  // namespace

void FragmentUse::add(FragmentedDatagram& datagram) {
  const auto [entry, fresh] = sources_.try_emplace(datagram.key.source);
  Source& source = entry->second;
  if (fresh) source.number = next_number_++;
  datagram.place.source = &source;
  datagram.place.among_all = all_.insert(all_.end(), &datagram);
  datagram.place.among_own = source.all.insert(source.all.end(), &datagram);
  change(source, FragmentLimit::datagrams, 1, 0);
}

void FragmentUse::remove(FragmentedDatagram& datagram) {
  Source& source = *datagram.place.source;
  all_.erase(datagram.place.among_all);
  source.all.erase(datagram.place.among_own);
  change(source, FragmentLimit::datagrams, 0, 1);
  if (source.all.empty()) sources_.erase(datagram.key.source);
}

void FragmentUse::held(FragmentedDatagram& datagram, std::uint32_t bytes) {
  Source& source = *datagram.place.source;
  if (datagram.held.size() == 1) {
    datagram.place.among_holding = holding_.insert(holding_.end(), &datagram);
    datagram.place.among_own_holding = source.holding.insert(source.holding.end(), &datagram);
  }
  change(source, FragmentLimit::held, 1, 0);
  change(source, FragmentLimit::bytes, bytes, 0);
}

void FragmentUse::let_go(FragmentedDatagram& datagram, std::uint32_t fragments, std::uint32_t bytes) {
  Source& source = *datagram.place.source;
  if (datagram.held.empty()) {
    holding_.erase(datagram.place.among_holding);
    source.holding.erase(datagram.place.among_own_holding);
  }
  change(source, FragmentLimit::held, 0, fragments);
  change(source, FragmentLimit::bytes, 0, bytes);
}

std::uint32_t FragmentUse::of(Address source, FragmentLimit limit) const {
  const auto known = sources_.find(source);
  return known == sources_.end() ? 0 : known->second.used[index(limit)];
}

FragmentedDatagram* FragmentUse::oldest_of(Address source, FragmentLimit limit,
                                           const FragmentedDatagram* spared) const {
  const auto known = sources_.find(source);
  return known == sources_.end() ? nullptr : first_but(known->second.taking(limit), spared);
}

FragmentedDatagram* FragmentUse::first_to_go(FragmentLimit limit, std::uint32_t part,
                                             const FragmentedDatagram* spared) const {
  const std::set<Rank>& ranks = ranks_[index(limit)];
  if (!ranks.empty() && ranks.begin()->used > part) {
    FragmentedDatagram* const own = first_but(ranks.begin()->source->taking(limit), spared);
    if (own != nullptr) return own;
  }
  return first_but(limit == FragmentLimit::datagrams ? all_ : holding_, spared);
}

void FragmentUse::change(Source& source, FragmentLimit limit, std::uint32_t more, std::uint32_t less) {
  std::set<Rank>& ranks = ranks_[index(limit)];
  std::uint32_t& used = source.used[index(limit)];
  std::set<Rank>::node_type rank = ranks.extract(Rank{used, &source});
  used = used + more - less;
  total_[index(limit)] = total_[index(limit)] + more - less;
  if (used == 0) return;
  if (rank.empty()) {
    ranks.insert({used, &source});
  } else {
    rank.value().used = used;
    ranks.insert(std::move(rank));
  }
}

}  // namespace nat
