#include "tests/natcheck/tcp_port.h"

#include <algorithm>
#include <cerrno>

namespace nat::check {
namespace {

constexpr int kBacklog = 256;
constexpr int kAcceptBatch = 32;

}  // namespace

void Stream::send_octets(const Octets& octets) {
  if (!open()) return;
  const ssize_t sent = ::send(socket_.get(), octets.data(), octets.size(), MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(octets.size())) abort();
}

void Stream::abort() {
  if (over()) return;
  reset_on_close(socket_.get());
  socket_ = Descriptor();
  state_ = State::closed;
}

pollfd Stream::watched() const {
  if (over() || (open() && heard_.size() >= kKept)) return {-1, 0, 0};
  return {socket_.get(), static_cast<short>(connecting() ? POLLOUT : POLLIN), 0};
}

void Stream::serve(short events) {
  if (events == 0) return;
  if (connecting()) {
    finish_connecting();
  } else if (open()) {
    receive();
  }
}

void Stream::finish_connecting() {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error == 0) {
    state_ = State::open;
    queue_icmp_errors(socket_.get(), false);
    last_heard_ = Clock::now();
    return;
  }
  // A reset and a port unreachable give the same error; only the latter leaves an entry in the error queue.
  if (const auto reported = next_icmp_error(socket_.get())) {
    icmp_error_ = *reported;
    state_ = State::icmp;
  } else {
    state_ = error == ECONNREFUSED || error == ECONNRESET ? State::refused : State::failed;
  }
  socket_ = Descriptor();
}

void Stream::receive() {
  while (heard_.size() < kKept) {
    const ssize_t got =
        recv(socket_.get(), partial_.data() + partial_size_, partial_.size() - partial_size_, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) return abort();
    partial_size_ += static_cast<std::size_t>(got);
    if (partial_size_ < partial_.size()) continue;
    partial_size_ = 0;
    last_heard_ = Clock::now();
    heard_.push_back(partial_);
  }
}

TcpPort::TcpPort(const Endpoint& local, std::size_t limit, bool listening) : limit_(limit), local_(local) {
  if (!listening) return;
  listener_ = bind_socket(SOCK_STREAM, local, true);
  local_ = local_endpoint(listener_.get());
  if (listen(listener_.get(), kBacklog) != 0)
    throw SetupError("cannot listen on " + local_.to_string() + " (TCP)");
}

Stream& TcpPort::dial(const Endpoint& remote) {
  Descriptor socket;
  auto state = Stream::State::failed;
  try {
    socket = bind_socket(SOCK_STREAM, local_, true);
    queue_icmp_errors(socket.get(), true);
    const sockaddr_storage to = to_kernel(remote);
    if (connect(socket.get(), reinterpret_cast<const sockaddr*>(&to), kKernelEndpointSize) == 0 ||
        errno == EINPROGRESS) {
      state = Stream::State::connecting;
    }
  } catch (const SetupError&) {
    // Out of descriptors: the stream has failed like one that the kernel would not connect.
  }
  streams_.push_back(std::make_unique<Stream>(std::move(socket), remote, true, state));
  return *streams_.back();
}

void TcpPort::sweep() {
  std::erase_if(streams_, [](const auto& stream) { return stream->over(); });
}

void TcpPort::watch(std::vector<pollfd>& descriptors) const {
  descriptors.push_back({listener_ ? listener_.get() : -1, POLLIN, 0});
  for (const auto& stream : streams_) descriptors.push_back(stream->watched());
}

void TcpPort::serve(std::span<const pollfd> descriptors) {
  // Streams first: accepting adds to them.
  for (std::size_t i = 1; i < descriptors.size(); ++i) streams_[i - 1]->serve(descriptors[i].revents);
  if (descriptors[0].revents) accept_all();
}

void TcpPort::accept_all() {
  for (int i = 0; i < kAcceptBatch; ++i) {
    sockaddr_storage remote{};
    socklen_t size = sizeof remote;
    Descriptor socket(
        accept4(listener_.get(), reinterpret_cast<sockaddr*>(&remote), &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!socket) return;
    if (full()) {
      reset_on_close(socket.get());
      continue;
    }
    streams_.push_back(
        std::make_unique<Stream>(std::move(socket), from_kernel(remote), false, Stream::State::open));
  }
}

}  // namespace nat::check
