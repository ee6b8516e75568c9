#include "tests/natcheck/stun/stream.h"

#include <array>
#include <cerrno>

namespace nat::check::stun {

std::unique_ptr<Stream> Stream::dial(const Endpoint& local, const Endpoint& remote) {
  Descriptor socket = bind_socket(SOCK_STREAM, local, true);
  reset_on_close(socket.get());
  const sockaddr_storage to = to_kernel(remote);
  if (connect(socket.get(), reinterpret_cast<const sockaddr*>(&to), kKernelEndpointSize) != 0 &&
      errno != EINPROGRESS) {
    socket = Descriptor();
  }
  return std::make_unique<Stream>(std::move(socket), remote, false);
}

void Stream::send(const Message& message) {
  if (!open()) return;
  const auto octets = encode(message);
  const ssize_t sent = ::send(socket_.get(), octets.data(), octets.size(), MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(octets.size())) abort();
}

void Stream::abort() {
  if (over()) return;
  reset_on_close(socket_.get());
  socket_ = Descriptor();
}

void Stream::watch(std::vector<pollfd>& descriptors) const {
  const bool full = heard_.size() >= kKept;
  descriptors.push_back(
      {over() || full ? -1 : socket_.get(), static_cast<short>(open_ ? POLLIN : POLLOUT), 0});
}

void Stream::serve(std::span<const pollfd> descriptors) {
  if (descriptors[0].revents == 0 || over()) return;
  open_ ? receive() : finish_connecting();
}

void Stream::finish_connecting() {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return abort();
  open_ = true;
}

void Stream::receive() {
  std::array<std::uint8_t, kLongest> piece;
  const ssize_t got = recv(socket_.get(), piece.data(), piece.size(), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return abort();
  last_heard_ = Clock::now();
  partial_.insert(partial_.end(), piece.begin(), piece.begin() + got);
  cut_messages();
}

// Whatever is no message ends the connection: a stream that is out of step cannot be got back into it.
void Stream::cut_messages() {
  std::size_t at = 0;
  while (partial_.size() - at >= kHeader) {
    const auto rest = std::span<const std::uint8_t>(partial_).subspan(at);
    const auto size = framed_size(rest);
    if (!size) return abort();
    if (rest.size() < *size) break;
    const auto message = parse(rest.first(*size));
    if (!message || heard_.size() >= kKept) return abort();
    heard_.push_back(*message);
    at += *size;
  }
  partial_.erase(partial_.begin(), partial_.begin() + static_cast<std::ptrdiff_t>(at));
}

}  // namespace nat::check::stun
