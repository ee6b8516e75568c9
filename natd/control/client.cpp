#include "natd/control/client.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace nat {
namespace {

// natd answers at once; a page of a large table may take a moment on a busy machine.
constexpr int kTimeoutMs = 15000;
// natd sends no longer line than its output buffer.
constexpr std::size_t kLongestMessage = 4U << 20;

ControlError unreachable(const std::string& path, int error) {
  const std::string message = "natd does not answer at " + path + ": " + std::strerror(error);
  if (error == EACCES || error == EPERM) {
    return {"unreachable", message, "run natctl as root, or as a member of natd's control.group"};
  }
  return {"unreachable", message, "start it (systemctl start natd), or name its socket with --control PATH"};
}

int connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  // A full backlog makes connect() wait; natd empties it many times a second.
  const timeval patience{kTimeoutMs / 1000, 0};
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  const int error = errno;
  close(fd);
  errno = error;
  return -1;
}

std::string text_of(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

}  // namespace

ControlClient::ControlClient(ControlClient&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      path_(std::move(other.path_)),
      held_(std::move(other.held_)),
      scanned_(other.scanned_) {}

ControlClient::~ControlClient() {
  if (fd_ >= 0) close(fd_);
}

ControlResult<ControlClient> ControlClient::connect(const std::string& path) {
  const int fd = connect_to(path);
  if (fd < 0) return unreachable(path, errno);
  ControlClient client(fd, path);
  const auto hello = client.read_message(kTimeoutMs);
  if (!hello) return hello.error();
  const auto protocol = hello->find("protocol");
  if (protocol == hello->end() || *protocol != kControlProtocol) {
    return ControlError{"unreachable",
                        "what answers at " + path + " speaks another protocol than this natctl",
                        "use the natctl that came with the running natd, or restart natd after an update"};
  }
  return client;
}

ControlResult<Json> ControlClient::ask(const Request& request, const Sink& sink) {
  write(format_request(request));
  const int timeout = request.command == ControlCommand::watch ? -1 : kTimeoutMs;
  for (;;) {
    auto message = read_message(timeout);
    if (!message || message->contains("done")) return message;
    const auto items = message->find("items");
    if (items == message->end() || !items->is_array()) continue;
    for (const Json& item : *items) {
      if (!sink(item)) return message;
    }
  }
}

ControlResult<Json> ControlClient::read_message(int timeout_ms) {
  std::size_t end;
  while ((end = held_.find('\n', scanned_)) == std::string::npos) {
    scanned_ = held_.size();
    if (held_.size() > kLongestMessage) return lost("its message does not end");
    pollfd waiting{fd_, POLLIN, 0};
    const int ready = poll(&waiting, 1, timeout_ms);
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) return lost("it has said nothing for " + std::to_string(kTimeoutMs / 1000) + " seconds");
    std::array<char, 65536> octets;
    const ssize_t count = recv(fd_, octets.data(), octets.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return lost(std::strerror(errno));
    if (count == 0) return lost("it closed the connection");
    held_.append(octets.data(), static_cast<std::size_t>(count));
  }
  const std::string line = held_.substr(0, end);
  held_.erase(0, end + 1);
  scanned_ = 0;
  Json message = Json::parse(line, nullptr, false);
  if (!message.is_object()) return lost("it speaks no JSON");
  if (const auto error = message.find("error"); error != message.end() && error->is_object()) {
    return ControlError{text_of(*error, "code"), text_of(*error, "message"), text_of(*error, "hint")};
  }
  return message;
}

void ControlClient::write(const std::string& line) {
  std::size_t sent = 0;
  while (sent < line.size()) {
    const ssize_t count = send(fd_, line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    // What natd said before it closed is the better reason, and is read next.
    if (count < 0) return;
    sent += static_cast<std::size_t>(count);
  }
}

ControlError ControlClient::lost(const std::string& why) const {
  return {"unreachable", "the connection to natd at " + path_ + " is lost: " + why, "is natd still running?"};
}

}  // namespace nat
