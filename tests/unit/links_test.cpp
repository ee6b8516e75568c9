#include "natd/system/links.h"

#include <cstdlib>
#include <functional>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>

namespace nat {
namespace {

// Runs `body` in a network namespace that ends with it: a thread's own. False when the machine refuses one.
bool in_own_namespace(const std::function<void()>& body) {
  bool made = false;
  std::thread([&] {
    made = unshare(CLONE_NEWNET) == 0;
    if (made) body();
  }).join();
  return made;
}

void ip(const std::string& arguments) {
  // A child of this thread lives in this thread's namespace.
  ASSERT_EQ(std::system(("ip " + arguments).c_str()), 0)
      << arguments;  // NOLINT(bugprone-command-processor,cert-env33-c)
}

bool noticed(LinkMonitor& monitor) {
  pollfd poll_fd{monitor.fd(), POLLIN, 0};
  const bool readable = poll(&poll_fd, 1, 5000) == 1;
  monitor.drain();
  return readable;
}

#define NEED_NAMESPACE(body) \
  if (!in_own_namespace(body)) GTEST_SKIP() << "this needs the right to make a network namespace"

TEST(LinkMonitor, ReadsIndexAddressesAndMtu) {
  NEED_NAMESPACE([] {
    ip("link add lan0 type veth peer name wan0 mtu 1400");
    ip("addr add 10.0.0.254/24 dev lan0");
    ip("addr add 203.0.113.11/24 dev wan0");
    ip("addr add 203.0.113.12/24 dev wan0");
    ip("addr add 169.254.7.7/16 scope link dev wan0");
    LinkMonitor monitor("lan0", "wan0", {Address(203, 0, 113, 12), Address(198, 51, 100, 1)});
    const Links links = monitor.read();
    EXPECT_NE(links.internal_index, 0u);
    EXPECT_NE(links.external_index, 0u);
    EXPECT_NE(links.external_index, links.internal_index);
    EXPECT_EQ(links.internal_address, Address(10, 0, 0, 254));
    EXPECT_EQ(links.external_mtu, 1400u);
    EXPECT_EQ(links.internal_networks, std::vector<Prefix>{Prefix(Address(10, 0, 0, 0), 24)});
    EXPECT_EQ(links.external_networks, std::vector<Prefix>(2, Prefix(Address(203, 0, 113, 0), 24)));
    EXPECT_EQ(
        links.external_addresses,
        (std::vector<Address>{Address(203, 0, 113, 11), Address(203, 0, 113, 12), Address(198, 51, 100, 1)}));
  });
}

TEST(LinkMonitor, ReadsWhereRoutesLeadByTheInternalInterface) {
  NEED_NAMESPACE([] {
    ip("link add lan0 type veth peer name wan0");
    ip("link set lan0 up");
    ip("link set wan0 up");
    ip("addr add 10.0.0.254/24 dev lan0");
    ip("addr add 203.0.113.11/24 dev wan0");
    LinkMonitor monitor("lan0", "wan0", {});
    const Prefix own(Address(10, 0, 0, 0), 24);
    EXPECT_EQ(monitor.read().internal_routes, std::vector<Prefix>{own});
    monitor.drain();

    ip("route add default via 203.0.113.1");
    ip("route add 192.168.7.0/24 via 10.0.0.1");
    EXPECT_TRUE(noticed(monitor));
    ip("route add 192.168.5.5 via 10.0.0.1 table 77");
    ip("route add 192.168.9.0/24 nexthop via 203.0.113.7 nexthop via 10.0.0.2");
    ip("route add blackhole 192.168.8.0/24");
    EXPECT_EQ(monitor.read().internal_routes, (std::vector<Prefix>{own, Prefix(Address(192, 168, 5, 5), 32),
                                                                   Prefix(Address(192, 168, 7, 0), 24),
                                                                   Prefix(Address(192, 168, 9, 0), 24)}));
  });
}

TEST(LinkMonitor, APointToPointAddressIsOursAndNotThePeers) {
  NEED_NAMESPACE([] {
    ip("link add lan0 type veth peer name wan0");
    ip("addr add 100.64.0.2 peer 100.64.0.1/32 dev wan0");
    LinkMonitor monitor("lan0", "wan0", {});
    EXPECT_EQ(monitor.read().external_addresses, std::vector<Address>{Address(100, 64, 0, 2)});
  });
}

TEST(LinkMonitor, AnInterfaceThatIsNotThereHasIndexZero) {
  NEED_NAMESPACE([] {
    LinkMonitor monitor("lan0", "wan0", {});
    const Links links = monitor.read();
    EXPECT_EQ(links.internal_index, 0u);
    EXPECT_EQ(links.external_index, 0u);
    EXPECT_TRUE(links.external_addresses.empty());
    EXPECT_EQ(interface_names(), std::vector<std::string>{"lo"});
  });
}

TEST(LinkMonitor, NoticesAddressesAndInterfacesThatComeAndGo) {
  NEED_NAMESPACE([] {
    LinkMonitor monitor("lan0", "wan0", {});
    ip("link add lan0 type veth peer name wan0");
    EXPECT_TRUE(noticed(monitor));
    const Links bare = monitor.read();
    EXPECT_NE(bare.external_index, 0u);

    ip("addr add 203.0.113.11/24 dev wan0");
    EXPECT_TRUE(noticed(monitor));
    const Links addressed = monitor.read();
    EXPECT_EQ(addressed.external_addresses, std::vector<Address>{Address(203, 0, 113, 11)});
    EXPECT_EQ(monitor.read(), addressed);

    ip("link del wan0");
    EXPECT_TRUE(noticed(monitor));
    EXPECT_EQ(monitor.read().external_index, 0u);
  });
}

}  // namespace
}  // namespace nat
