#include "tests/natcheck/datagram_port.h"

#include <algorithm>
#include <array>

namespace nat::check {
namespace {

constexpr int kBatch = 64;  // datagrams and errors taken in one go, so that no flood starves the loop
constexpr std::size_t kLongest = 4097;  // longer ones arrive cut off, and are no message of the protocol

}  // namespace

DatagramPort::DatagramPort(const Endpoint& local)
    : socket_(bind_socket(SOCK_DGRAM, local, false)), local_(local_endpoint(socket_.get())) {
  queue_icmp_errors(socket_.get(), true);
}

void DatagramPort::send_octets(std::span<const std::uint8_t> octets, const Endpoint& to) {
  const sockaddr_storage remote = to_kernel(to);
  // A first failure may be the report of an earlier error, for another remote; whatever fails twice is lost,
  // which UDP allows.
  for (int tries = 0; tries < 2; ++tries) {
    if (sendto(socket_.get(), octets.data(), octets.size(), MSG_NOSIGNAL,
               reinterpret_cast<const sockaddr*>(&remote), kKernelEndpointSize) >= 0) {
      return;
    }
    collect_errors();
  }
}

bool DatagramPort::rejected(const Endpoint& remote) const {
  return std::any_of(errors_.begin(), errors_.end(),
                     [&](const IcmpError& error) { return error.remote == remote; });
}

void DatagramPort::watch(std::vector<pollfd>& descriptors) const {
  descriptors.push_back({socket_.get(), POLLIN, 0});
}

void DatagramPort::serve(std::span<const pollfd> descriptors) {
  if (descriptors[0].revents & POLLERR) collect_errors();
  if (descriptors[0].revents & POLLIN) receive();
}

void DatagramPort::receive() {
  for (int i = 0; i < kBatch; ++i) {
    std::array<std::uint8_t, kLongest> octets;
    sockaddr_storage remote{};
    socklen_t size = sizeof remote;
    const ssize_t got =
        recvfrom(socket_.get(), octets.data(), octets.size(), 0, reinterpret_cast<sockaddr*>(&remote), &size);
    if (got < 0) return;
    hear(from_kernel(remote), std::span(octets).first(static_cast<std::size_t>(got)));
  }
}

void DatagramPort::collect_errors() {
  for (int i = 0; i < kBatch; ++i) {
    const auto error = next_icmp_error(socket_.get());
    if (!error) return;
    if (errors_.size() < kKept) errors_.push_back(*error);
  }
}

}  // namespace nat::check
