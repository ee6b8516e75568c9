#include "natd/system/links.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

namespace nat {
namespace {

constexpr std::size_t kBuffer = 32768;
constexpr std::size_t kRequest = 256;

[[noreturn]] void fail(const char* what) {
  throw std::runtime_error(std::string("cannot ") + what + " by rtnetlink: " + std::strerror(errno));
}

struct Close {
  void operator()(mnl_socket* socket) const { mnl_socket_close(socket); }
};

using Sink = std::function<void(const nlmsghdr&)>;

int deliver(const nlmsghdr* message, void* sink) {
  (*static_cast<const Sink*>(sink))(*message);
  return MNL_CB_OK;
}

// Dumps of what the kernel knows of the network: links, addresses, routes.
class Dump {
 public:
  Dump() : socket_(mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC)) {
    if (!socket_ || mnl_socket_bind(socket_.get(), 0, MNL_SOCKET_AUTOPID) < 0) fail("open a socket");
  }

  // False when the tables changed while they were read, and the picture may be torn.
  bool each(std::uint16_t type, std::uint8_t family, const Sink& sink) {
    std::array<char, kRequest> buffer{};
    nlmsghdr* request = mnl_nlmsg_put_header(buffer.data());
    request->nlmsg_type = type;
    request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    request->nlmsg_seq = ++sequence_;
    static_cast<rtgenmsg*>(mnl_nlmsg_put_extra_header(request, sizeof(rtgenmsg)))->rtgen_family = family;
    return answers_to(*request, sink);
  }

  // The IPv4 routes by that interface. A kernel that cannot choose them tells of all.
  bool each_route(unsigned interface, const Sink& sink) {
    int strict = 1;
    mnl_socket_setsockopt(socket_.get(), NETLINK_GET_STRICT_CHK, &strict, sizeof strict);
    std::array<char, kRequest> buffer{};
    nlmsghdr* request = mnl_nlmsg_put_header(buffer.data());
    request->nlmsg_type = RTM_GETROUTE;
    request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    request->nlmsg_seq = ++sequence_;
    static_cast<rtmsg*>(mnl_nlmsg_put_extra_header(request, sizeof(rtmsg)))->rtm_family = AF_INET;
    mnl_attr_put_u32(request, RTA_OIF, interface);
    return answers_to(*request, sink);
  }

 private:
  bool answers_to(const nlmsghdr& request, const Sink& sink) {
    if (mnl_socket_sendto(socket_.get(), &request, request.nlmsg_len) < 0) fail("ask for the interfaces");
    std::array<char, kBuffer> buffer;
    for (;;) {
      const ssize_t length = mnl_socket_recvfrom(socket_.get(), buffer.data(), buffer.size());
      if (length < 0) fail("read the interfaces");
      const int more = mnl_cb_run(buffer.data(), static_cast<std::size_t>(length), sequence_,
                                  mnl_socket_get_portid(socket_.get()), deliver, const_cast<Sink*>(&sink));
      if (more < 0 && errno == EINTR) return false;
      if (more < 0) fail("read the interfaces");
      if (more == MNL_CB_STOP) return true;
    }
  }

  std::unique_ptr<mnl_socket, Close> socket_;
  unsigned sequence_ = 0;
};

using AttributeSink = std::function<void(const nlattr&)>;

int deliver_attribute(const nlattr* attribute, void* sink) {
  (*static_cast<const AttributeSink*>(sink))(*attribute);
  return MNL_CB_OK;
}

void each_attribute(const nlmsghdr& message, unsigned header_size, AttributeSink sink) {
  mnl_attr_parse(&message, header_size, deliver_attribute, &sink);
}

struct LinkFacts {
  unsigned index = 0;
  unsigned mtu = 0;
  std::string name;
};

struct AddressFacts {
  unsigned index = 0;
  Address address;
  Prefix network;
};

LinkFacts link_facts(const nlmsghdr& message) {
  LinkFacts facts;
  facts.index =
      static_cast<unsigned>(static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(&message))->ifi_index);
  each_attribute(message, sizeof(ifinfomsg), [&](const nlattr& attribute) {
    const auto type = mnl_attr_get_type(&attribute);
    if (type == IFLA_IFNAME && mnl_attr_validate(&attribute, MNL_TYPE_NUL_STRING) >= 0) {
      facts.name = mnl_attr_get_str(&attribute);
    }
    if (type == IFLA_MTU && mnl_attr_validate(&attribute, MNL_TYPE_U32) >= 0) {
      facts.mtu = mnl_attr_get_u32(&attribute);
    }
  });
  return facts;
}

// Unspecified when the address cannot be used beyond its link.
AddressFacts address_facts(const nlmsghdr& message) {
  const auto& header = *static_cast<const ifaddrmsg*>(mnl_nlmsg_get_payload(&message));
  AddressFacts facts;
  facts.index = header.ifa_index;
  if (header.ifa_family != AF_INET || header.ifa_scope >= RT_SCOPE_LINK) return facts;
  each_attribute(message, sizeof(ifaddrmsg), [&](const nlattr& attribute) {
    // On a point-to-point link IFA_ADDRESS is the peer's; IFA_LOCAL is always ours.
    if (mnl_attr_get_type(&attribute) == IFA_LOCAL && mnl_attr_validate(&attribute, MNL_TYPE_U32) >= 0) {
      facts.address = Address(ntohl(mnl_attr_get_u32(&attribute)));
    }
  });
  facts.network = Prefix(facts.address, header.ifa_prefixlen);
  return facts;
}

// Whether one of the route's several next hops is by the interface.
bool has_next_hop(const nlattr& hops, unsigned interface) {
  const auto* hop = static_cast<const rtnexthop*>(mnl_attr_get_payload(&hops));
  int left = mnl_attr_get_payload_len(&hops);
  for (; RTNH_OK(hop, left); left -= RTNH_ALIGN(hop->rtnh_len), hop = RTNH_NEXT(hop)) {
    if (static_cast<unsigned>(hop->rtnh_ifindex) == interface) return true;
  }
  return false;
}

// Where a route by the interface leads; nothing when it is another route.
std::optional<Prefix> route_by(unsigned interface, const nlmsghdr& message) {
  const auto& header = *static_cast<const rtmsg*>(mnl_nlmsg_get_payload(&message));
  if (header.rtm_family != AF_INET || header.rtm_type != RTN_UNICAST) return std::nullopt;
  bool ours = false;
  Address destination;
  each_attribute(message, sizeof(rtmsg), [&](const nlattr& attribute) {
    const auto type = mnl_attr_get_type(&attribute);
    const bool number = mnl_attr_validate(&attribute, MNL_TYPE_U32) >= 0;
    if (type == RTA_DST && number) destination = Address(ntohl(mnl_attr_get_u32(&attribute)));
    if (type == RTA_OIF && number && mnl_attr_get_u32(&attribute) == interface) ours = true;
    if (type == RTA_MULTIPATH && has_next_hop(attribute, interface)) ours = true;
  });
  return ours ? std::optional(Prefix(destination, header.rtm_dst_len)) : std::nullopt;
}

bool read_routes(Dump& dump, Links& links) {
  if (links.internal_index == 0) return true;
  std::vector<Prefix>& routes = links.internal_routes;
  const bool whole = dump.each_route(links.internal_index, [&](const nlmsghdr& message) {
    if (const auto route = route_by(links.internal_index, message)) routes.push_back(*route);
  });
  const auto key = [](const Prefix& prefix) { return std::pair(prefix.network(), prefix.length()); };
  std::sort(routes.begin(), routes.end(), [&](const Prefix& a, const Prefix& b) { return key(a) < key(b); });
  routes.erase(std::unique(routes.begin(), routes.end()), routes.end());
  return whole;
}

bool read_once(Links& links) {
  Dump dump;
  const bool links_whole = dump.each(RTM_GETLINK, AF_UNSPEC, [&](const nlmsghdr& message) {
    const LinkFacts facts = link_facts(message);
    if (facts.name == links.internal) links.internal_index = facts.index;
    if (facts.name == links.external) {
      links.external_index = facts.index;
      links.external_mtu = facts.mtu;
    }
  });
  const bool addresses_whole = dump.each(RTM_GETADDR, AF_INET, [&](const nlmsghdr& message) {
    const AddressFacts facts = address_facts(message);
    if (facts.address.unspecified()) return;
    if (facts.index == links.internal_index) {
      if (links.internal_address.unspecified()) links.internal_address = facts.address;
      links.internal_networks.push_back(facts.network);
    }
    if (facts.index == links.external_index) {
      links.external_addresses.push_back(facts.address);
      links.external_networks.push_back(facts.network);
    }
  });
  return links_whole && addresses_whole && read_routes(dump, links);
}

}  // namespace

LinkMonitor::LinkMonitor(std::string internal, std::string external, std::vector<Address> extra)
    : internal_(std::move(internal)),
      external_(std::move(external)),
      extra_(std::move(extra)),
      watcher_(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE)) {
  sockaddr_nl local{};
  local.nl_family = AF_NETLINK;
  local.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE;
  if (watcher_.get() < 0 || bind(watcher_.get(), reinterpret_cast<sockaddr*>(&local), sizeof local) != 0) {
    fail("watch the interfaces");
  }
}

Links LinkMonitor::read() {
  constexpr int kAttempts = 5;
  for (int attempt = 1;; ++attempt) {
    Links links;
    links.internal = internal_;
    links.external = external_;
    if (!read_once(links) && attempt < kAttempts) continue;
    for (const Address address : extra_) {
      auto& pool = links.external_addresses;
      if (std::find(pool.begin(), pool.end(), address) == pool.end()) pool.push_back(address);
    }
    return links;
  }
}

void LinkMonitor::drain() {
  std::array<char, kBuffer> notice;
  // An overrun (ENOBUFS) is a notice too: something changed.
  while (recv(watcher_.get(), notice.data(), notice.size(), 0) > 0 || errno == ENOBUFS || errno == EINTR) {
    errno = 0;
  }
}

std::vector<std::string> interface_names() {
  std::vector<std::string> names;
  const std::unique_ptr<struct if_nameindex, decltype(&if_freenameindex)> all(if_nameindex(),
                                                                              &if_freenameindex);
  for (const auto* one = all.get(); one != nullptr && one->if_index != 0; ++one)
    names.emplace_back(one->if_name);
  return names;
}

}  // namespace nat
