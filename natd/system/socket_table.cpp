#include "natd/system/socket_table.h"

#include <algorithm>
#include <cerrno>
#include <system_error>

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "natd/system/clock.h"

namespace nat {
namespace {

constexpr std::size_t kBufferSize = 32 << 10;  // the kernel fills dumps up to this
constexpr std::uint32_t kDumpSequence = 1;

Descriptor open_diag_socket() {
  Descriptor socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  if (socket.get() < 0 ||
      connect(socket.get(), reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel) != 0) {
    throw std::system_error(errno, std::generic_category(), "cannot ask the kernel for sockets (sock_diag)");
  }
  return socket;
}

// A request for sockets of one family and protocol: `flags` NLM_F_DUMP for all, 0 for one.
std::size_t request(std::array<char, 256>& buffer, int family, Protocol protocol, int flags,
                    std::uint32_t sequence, const inet_diag_sockid& id) {
  nlmsghdr* message = mnl_nlmsg_put_header(buffer.data());
  message->nlmsg_type = SOCK_DIAG_BY_FAMILY;
  message->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  message->nlmsg_seq = sequence;
  auto* body = static_cast<inet_diag_req_v2*>(mnl_nlmsg_put_extra_header(message, sizeof(inet_diag_req_v2)));
  body->sdiag_family = static_cast<std::uint8_t>(family);
  body->sdiag_protocol = static_cast<std::uint8_t>(protocol);
  body->idiag_states = ~0U;
  body->id = id;
  return message->nlmsg_len;
}

int note_ipv6_only(const nlattr* attribute, void* data) {
  if (mnl_attr_get_type(attribute) == INET_DIAG_SKV6ONLY && mnl_attr_get_payload_len(attribute) >= 1) {
    *static_cast<bool*>(data) = mnl_attr_get_u8(attribute) != 0;
  }
  return MNL_CB_OK;
}

struct Dump {
  const std::vector<Address>& external;
  PortSet& ports;
};

int note_socket(const nlmsghdr* message, void* data) {
  if (mnl_nlmsg_get_payload_len(message) < sizeof(inet_diag_msg)) return MNL_CB_OK;
  const auto* body = static_cast<const inet_diag_msg*>(mnl_nlmsg_get_payload(message));
  BoundSocket socket;
  socket.ipv6 = body->idiag_family == AF_INET6;
  socket.port = ntohs(body->id.idiag_sport);
  std::copy_n(body->id.idiag_src, socket.address.size(), socket.address.begin());
  mnl_attr_parse(message, sizeof(inet_diag_msg), note_ipv6_only, &socket.ipv6_only);
  const Dump& dump = *static_cast<const Dump*>(data);
  if (socket.port != 0 && socket.reachable(dump.external)) dump.ports.set(socket.port);
  return MNL_CB_OK;
}

void dump_sockets(int fd, int family, Protocol protocol, Dump& dump) {
  std::array<char, 256> query{};
  const std::size_t length = request(query, family, protocol, NLM_F_DUMP, kDumpSequence, inet_diag_sockid{});
  if (send(fd, query.data(), length, 0) < 0) {
    throw std::system_error(errno, std::generic_category(), "sock_diag request");
  }
  std::vector<char> buffer(kBufferSize);
  for (;;) {
    const ssize_t received = recv(fd, buffer.data(), buffer.size(), 0);
    if (received < 0 && errno == EINTR) continue;
    if (received < 0) throw std::system_error(errno, std::generic_category(), "sock_diag answer");
    const int state =
        mnl_cb_run(buffer.data(), static_cast<std::size_t>(received), kDumpSequence, 0, note_socket, &dump);
    if (state == MNL_CB_STOP) return;
    if (state < 0) {
      if (family == AF_INET6) return;  // a kernel without IPv6
      throw std::system_error(errno, std::generic_category(), "sock_diag answer");
    }
  }
}

// The kernel reads a UDP request's addresses as those of the packet, a TCP request's as those of the socket.
inet_diag_sockid socket_id(Protocol protocol, Endpoint local, Endpoint remote) {
  const bool as_packet = protocol == Protocol::udp;
  const Endpoint& first = as_packet ? remote : local;
  const Endpoint& second = as_packet ? local : remote;
  inet_diag_sockid id{};
  id.idiag_src[0] = htonl(first.address.value());
  id.idiag_sport = htons(first.port);
  id.idiag_dst[0] = htonl(second.address.value());
  id.idiag_dport = htons(second.port);
  id.idiag_cookie[0] = id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  return id;
}

enum class Answer { yes, no, unknown };

// The kernel answers within the send call, so the answer is there to be read at once.
Answer look_up(int fd, Protocol protocol, Endpoint local, Endpoint remote, std::uint32_t sequence) {
  alignas(nlmsghdr) std::array<char, 256> query{};
  const std::size_t length =
      request(query, AF_INET, protocol, 0, sequence, socket_id(protocol, local, remote));
  if (send(fd, query.data(), length, 0) < 0) return Answer::unknown;
  alignas(nlmsghdr) std::array<char, 4096> buffer;
  for (;;) {
    const ssize_t received = recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (received < static_cast<ssize_t>(sizeof(nlmsghdr))) return Answer::unknown;
    const auto* message = reinterpret_cast<const nlmsghdr*>(buffer.data());
    if (message->nlmsg_seq != sequence) continue;
    if (message->nlmsg_type == SOCK_DIAG_BY_FAMILY) return Answer::yes;
    if (message->nlmsg_type != NLMSG_ERROR || received < static_cast<ssize_t>(NLMSG_LENGTH(sizeof(nlmsgerr))))
      continue;
    const auto* error = static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(message));
    return error->error == -ENOENT ? Answer::no : Answer::unknown;
  }
}

}  // namespace

bool BoundSocket::reachable(const std::vector<Address>& addresses) const {
  Address bound(ntohl(address[0]));
  if (ipv6) {
    const bool any = address[0] == 0 && address[1] == 0 && address[2] == 0 && address[3] == 0;
    const bool mapped = address[0] == 0 && address[1] == 0 && address[2] == htonl(0xffff);
    if (any) return !ipv6_only;
    if (!mapped) return false;
    bound = Address(ntohl(address[3]));
  }
  return bound.unspecified() || std::find(addresses.begin(), addresses.end(), bound) != addresses.end();
}

SocketTable::SocketTable() : dump_socket_(open_diag_socket()), lookup_socket_(open_diag_socket()) {}

LocalPorts SocketTable::refresh(const std::vector<Address>& external) {
  LocalPorts found;
  for (const int family : {AF_INET, AF_INET6}) {
    Dump tcp{external, found.tcp};
    dump_sockets(dump_socket_.get(), family, Protocol::tcp, tcp);
    Dump udp{external, found.udp};
    dump_sockets(dump_socket_.get(), family, Protocol::udp, udp);
  }
  const std::lock_guard lock(mutex_);
  ports_ = found;
  return found;
}

bool SocketTable::serves(Protocol protocol, Endpoint local, Endpoint remote) {
  if (protocol == Protocol::icmp) return true;
  const std::lock_guard lock(mutex_);
  if (may_look_up()) {
    const Answer answer = look_up(lookup_socket_.get(), protocol, local, remote, ++sequence_);
    if (answer != Answer::unknown) return answer == Answer::yes;
  }
  return protocol == Protocol::tcp ? ports_.tcp.test(local.port) : ports_.udp.test(local.port);
}

bool SocketTable::in_use(Protocol protocol, std::uint16_t port) {
  if (protocol == Protocol::icmp) return false;
  const std::lock_guard lock(mutex_);
  if (protocol == Protocol::tcp ? ports_.tcp.test(port) : ports_.udp.test(port)) return true;
  return may_look_up() &&
         look_up(lookup_socket_.get(), protocol, {Address(), port}, {}, ++sequence_) == Answer::yes;
}

bool SocketTable::may_look_up() {
  const TimePoint now = monotonic_now();
  if (now - second_ >= std::chrono::seconds(1)) {
    second_ = now;
    lookups_ = 0;
  }
  return lookups_++ < kLookupsPerSecond;
}

}  // namespace nat
