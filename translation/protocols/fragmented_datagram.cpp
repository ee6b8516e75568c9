#include "translation/protocols/fragmented_datagram.h"

namespace nat {

FragmentRange FragmentRange::of(const PacketView& view) {
  const auto begin = static_cast<std::uint32_t>(view.fragment_offset());
  return {begin, begin + static_cast<std::uint32_t>(view.transport_length()), !view.more_fragments()};
}

std::optional<Reason> FragmentedDatagram::refusal(FragmentRange range) const {
  if (end != 0 && (range.last || range.end > end)) return Reason::fragment_overlap;
  for (const FragmentRange& other : seen) {
    if (range.begin < other.end && other.begin < range.end) return Reason::fragment_overlap;
    if (range.last && other.end > range.end) return Reason::fragment_overlap;
  }
  if (seen.size() >= kMostFragments) return Reason::fragment_limit;
  return std::nullopt;
}

void FragmentedDatagram::add(FragmentRange range) {
  seen.push_back(range);
  octets += range.end - range.begin;
  if (range.last) end = range.end;
}

std::uint32_t FragmentedDatagram::held_bytes() const {
  std::uint32_t bytes = 0;
  for (const HeldFragment& fragment : held) bytes += fragment.bytes();
  return bytes;
}

}  // namespace nat
