#include "translation/ports/resting_ports.h"

namespace nat {

void RestingPorts::add(std::uint16_t port, Endpoint owner, TimePoint until) {
  auto& page = pages_[port / kPage];
  if (!page) page = std::make_unique<Page>();
  const Rest rest{until, next_serial_++, owner, port};
  heap_.push_back(rest);
  rise(heap_.size() - 1, rest);
}

void RestingPorts::remove(std::uint16_t port) {
  const std::uint16_t found = place_of(port);
  if (found == 0) return;
  (*pages_[port / kPage])[port % kPage] = 0;
  const std::size_t place = found - 1U;
  const Rest last = heap_.back();
  heap_.pop_back();
  if (place == heap_.size()) return;
  if (last.before(heap_[place])) {
    rise(place, last);
  } else {
    sink(place, last);
  }
}

std::optional<Endpoint> RestingPorts::owner_of(std::uint16_t port) const {
  const std::uint16_t place = place_of(port);
  if (place == 0) return std::nullopt;
  return heap_[place - 1U].owner;
}

void RestingPorts::put(std::size_t place, const Rest& rest) {
  heap_[place] = rest;
  (*pages_[rest.port / kPage])[rest.port % kPage] = static_cast<std::uint16_t>(place + 1);
}

void RestingPorts::rise(std::size_t place, const Rest& rest) {
  while (place > 0) {
    const std::size_t parent = (place - 1) / 2;
    if (!rest.before(heap_[parent])) break;
    put(place, heap_[parent]);
    place = parent;
  }
  put(place, rest);
}

void RestingPorts::sink(std::size_t place, const Rest& rest) {
  for (;;) {
    std::size_t child = 2 * place + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && heap_[child + 1].before(heap_[child])) ++child;
    if (!heap_[child].before(rest)) break;
    put(place, heap_[child]);
    place = child;
  }
  put(place, rest);
}

}  // namespace nat
