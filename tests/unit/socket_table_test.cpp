// Which of the gateway's own sockets count: real sockets in this network namespace, asked about through the
// kernel.
#include "natd/system/socket_table.h"

#include <cerrno>
#include <cstring>
#include <stdexcept>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace nat {
namespace {

constexpr Address kLoopback(127, 0, 0, 1);
constexpr Address kExternal(203, 0, 113, 11);
constexpr Address kInternal(10, 0, 0, 254);

// A socket bound to a port that the kernel chose.
class Bound {
 public:
  Bound(int type, Address address) : socket_(::socket(AF_INET, type | SOCK_CLOEXEC, 0)) {
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(address.value());
    socklen_t length = sizeof name;
    if (bind(socket_.get(), reinterpret_cast<sockaddr*>(&name), length) != 0 ||
        getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&name), &length) != 0) {
      throw std::runtime_error(std::strerror(errno));
    }
    port = ntohs(name.sin_port);
  }

  void listen() const { ::listen(socket_.get(), 1); }
  int connect_to(Endpoint remote) const {
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(remote.address.value());
    name.sin_port = htons(remote.port);
    return connect(socket_.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name);
  }

  std::uint16_t port = 0;

 private:
  Descriptor socket_;
};

// A port that was free a moment ago.
std::uint16_t free_port(int type) { return Bound(type, Address()).port; }

BoundSocket ipv6(std::array<std::uint32_t, 4> words, bool only = false) {
  return {true, only, {htonl(words[0]), htonl(words[1]), htonl(words[2]), htonl(words[3])}, 1};
}

BoundSocket ipv4(Address address) { return {false, false, {htonl(address.value()), 0, 0, 0}, 1}; }

TEST(BoundSocket, CountsWhenPacketsFromOutsideReachIt) {
  EXPECT_TRUE(ipv4(Address()).reachable({kExternal}));
  EXPECT_TRUE(ipv4(kExternal).reachable({Address(203, 0, 113, 12), kExternal}));
  EXPECT_FALSE(ipv4(kLoopback).reachable({kExternal}));
  EXPECT_FALSE(ipv4(kInternal).reachable({kExternal}));
}

TEST(BoundSocket, OfIpv6CountsWhenItTakesIpv4) {
  EXPECT_TRUE(ipv6({0, 0, 0, 0}).reachable({kExternal}));
  EXPECT_FALSE(ipv6({0, 0, 0, 0}, true).reachable({kExternal}));
  EXPECT_TRUE(ipv6({0, 0, 0xffff, kExternal.value()}).reachable({kExternal}));
  EXPECT_FALSE(ipv6({0, 0, 0xffff, kLoopback.value()}).reachable({kExternal}));
  EXPECT_FALSE(ipv6({0x20010db8, 0, 0, 1}).reachable({kExternal}));
}

TEST(SocketTable, FindsSocketsOfBothProtocols) {
  const Bound tcp(SOCK_STREAM, Address());
  tcp.listen();
  const Bound udp(SOCK_DGRAM, Address());
  SocketTable sockets;
  const LocalPorts ports = sockets.refresh({});
  EXPECT_TRUE(ports.tcp.test(tcp.port));
  EXPECT_TRUE(ports.udp.test(udp.port));
  EXPECT_TRUE(sockets.in_use(Protocol::tcp, tcp.port));
  EXPECT_TRUE(sockets.in_use(Protocol::udp, udp.port));
  EXPECT_FALSE(sockets.in_use(Protocol::icmp, udp.port));
}

TEST(SocketTable, LeavesTheLoopbackOut) {
  const Bound udp(SOCK_DGRAM, kLoopback);
  SocketTable sockets;
  EXPECT_FALSE(sockets.refresh({kExternal}).udp.test(udp.port));
  EXPECT_TRUE(sockets.refresh({kLoopback}).udp.test(udp.port));
}

TEST(SocketTable, SeesASocketThatCameAfterTheRefresh) {
  SocketTable sockets;
  sockets.refresh({});
  const Bound udp(SOCK_DGRAM, Address());
  const Bound tcp(SOCK_STREAM, Address());
  tcp.listen();
  const Endpoint remote{Address(192, 0, 2, 31), 53};
  EXPECT_TRUE(sockets.in_use(Protocol::udp, udp.port)) << "no mapping may get its port";
  EXPECT_TRUE(sockets.in_use(Protocol::tcp, tcp.port));
  EXPECT_TRUE(sockets.serves(Protocol::udp, {kLoopback, udp.port}, remote));
  EXPECT_TRUE(sockets.serves(Protocol::tcp, {kLoopback, tcp.port}, remote));
}

TEST(SocketTable, DoesNotServeAPortWithoutSocket) {
  SocketTable sockets;
  sockets.refresh({});
  const Endpoint remote{Address(192, 0, 2, 31), 53};
  EXPECT_FALSE(sockets.in_use(Protocol::udp, 9));
  EXPECT_FALSE(sockets.serves(Protocol::udp, {kLoopback, free_port(SOCK_DGRAM)}, remote));
  EXPECT_FALSE(sockets.serves(Protocol::tcp, {kLoopback, free_port(SOCK_STREAM)}, remote));
}

TEST(SocketTable, AConnectedSocketServesItsPeerOnly) {
  const Bound server(SOCK_DGRAM, kLoopback);
  const Bound client(SOCK_DGRAM, kLoopback);
  ASSERT_EQ(client.connect_to({kLoopback, server.port}), 0);
  SocketTable sockets;
  const Endpoint local{kLoopback, client.port};
  EXPECT_TRUE(sockets.serves(Protocol::udp, local, {kLoopback, server.port}));
  EXPECT_FALSE(
      sockets.serves(Protocol::udp, local, {kLoopback, static_cast<std::uint16_t>(server.port ^ 1)}));
}

TEST(SocketTable, AnswersFromTheLastRefreshWhenAskedTooOften) {
  const Bound udp(SOCK_DGRAM, Address());
  SocketTable sockets;
  sockets.refresh({});
  const Bound late(SOCK_DGRAM, Address());
  const Endpoint remote{Address(192, 0, 2, 31), 53};
  const auto serves = [&](std::uint16_t port) {
    return sockets.serves(Protocol::udp, {kLoopback, port}, remote);
  };
  // Two budgets: a second may begin anywhere in between, a third cannot.
  bool refused = false;
  for (unsigned i = 0; i < 3 * SocketTable::kLookupsPerSecond && !refused; ++i) refused = !serves(late.port);
  EXPECT_TRUE(refused) << "the kernel was asked without a bound";
  EXPECT_TRUE(serves(udp.port));
}

TEST(SocketTable, IcmpIsAlwaysServed) {
  SocketTable sockets;
  EXPECT_TRUE(sockets.serves(Protocol::icmp, {kExternal, 7}, {Address(192, 0, 2, 31), 7}));
}

}  // namespace
}  // namespace nat
