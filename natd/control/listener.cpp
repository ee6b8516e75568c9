#include "natd/control/listener.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <utility>
#include <vector>

#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace nat {
namespace {

constexpr int kBacklog = 64;
constexpr mode_t kMode = 0660;

[[noreturn]] void fail(const std::string& path, const std::string& why, const std::string& hint) {
  throw std::runtime_error("cannot make the control socket " + path + ": " + why +
                           (hint.empty() ? "" : "; " + hint));
}

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    fail(path, "the path must have 1 to " + std::to_string(sizeof address.sun_path - 1) + " characters", "");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

const sockaddr* generic(const sockaddr_un& address) { return reinterpret_cast<const sockaddr*>(&address); }

Descriptor new_socket(const std::string& path) {
  Descriptor made(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (made.get() < 0) fail(path, std::strerror(errno), "");
  return made;
}

gid_t group_id(const std::string& path, const std::string& name) {
  const group* found = getgrnam(name.c_str());
  if (found == nullptr) {
    fail(path, "there is no group '" + name + "'",
         "make it (groupadd --system " + name + ") or correct control.group");
  }
  return found->gr_gid;
}

// A socket file may be what a natd left that was killed, or belong to one that lives.
void remove_stale(const std::string& path, const sockaddr_un& address) {
  struct stat status {};
  if (lstat(path.c_str(), &status) != 0) return;
  if (!S_ISSOCK(status.st_mode))
    fail(path, "something that is no socket stands there", "choose another path with --control");
  const Descriptor probe = new_socket(path);
  if (connect(probe.get(), generic(address), sizeof address) == 0 || errno == EAGAIN) {
    fail(path, "another natd answers there", "choose another path with --control");
  }
  unlink(path.c_str());
}

}  // namespace

ControlListener::ControlListener(std::string path, const std::string& group) : path_(std::move(path)) {
  const sockaddr_un address = address_of(path_);
  if (!group.empty()) group_ = group_id(path_, group);
  std::error_code ignored;
  std::filesystem::create_directories(std::filesystem::path(path_).parent_path(), ignored);
  remove_stale(path_, address);
  socket_ = new_socket(path_);
  // The file gets the permissions of the socket, so that there is no moment in which it has others.
  fchmod(socket_.get(), kMode);
  if (bind(socket_.get(), generic(address), sizeof address) != 0) {
    fail(path_, std::strerror(errno), "choose another path with --control");
  }
  struct stat status {};
  if (lstat(path_.c_str(), &status) == 0) inode_ = status.st_ino;
  if (group_ && chown(path_.c_str(), static_cast<uid_t>(-1), *group_) != 0) {
    fail(path_, std::string("giving it to the group: ") + std::strerror(errno), "");
  }
  if (chmod(path_.c_str(), kMode) != 0 || listen(socket_.get(), kBacklog) != 0)
    fail(path_, std::strerror(errno), "");
}

ControlListener::~ControlListener() {
  struct stat status {};
  if (lstat(path_.c_str(), &status) == 0 && status.st_ino == inode_) unlink(path_.c_str());
}

std::optional<ControlListener::Peer> ControlListener::accept(bool& exhausted) {
  Peer guest;
  guest.socket = Descriptor(accept4(socket_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (guest.socket.get() < 0) {
    exhausted = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
    return std::nullopt;
  }
  ucred peer{};
  socklen_t length = sizeof peer;
  if (getsockopt(guest.socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0) {
    guest.user = peer.uid;
    guest.allowed = allows(guest.socket.get(), peer.uid, peer.gid);
  }
  return guest;
}

bool ControlListener::allows(int socket, uid_t user, gid_t group) const {
  if (user == 0 || user == geteuid()) return true;
  if (!group_) return false;
  if (group == *group_) return true;
  std::vector<gid_t> groups(64);
  socklen_t length = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
  if (getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &length) != 0) {
    if (errno != ERANGE) return false;
    groups.resize(length / sizeof(gid_t));
    if (getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &length) != 0) return false;
  }
  groups.resize(length / sizeof(gid_t));
  return std::find(groups.begin(), groups.end(), *group_) != groups.end();
}

}  // namespace nat
