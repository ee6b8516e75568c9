#include "natd/datapath/nfqueue/queue_target.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/xt_NFQUEUE.h>
#include <sys/socket.h>

#include "natd/datapath/nfqueue/rules.h"
#include "natd/system/event_loop.h"

namespace nat {
namespace {

constexpr std::uint32_t kRevision = 3;
constexpr std::uint32_t kRuleSequence = 2;

// Target data as the kernel wants it: the structure, padded to eight octets.
struct alignas(8) TargetData {
  xt_NFQ_info_v3 info{};
};

nlmsghdr* put_message(char* at, unsigned type, unsigned flags, std::uint32_t sequence, std::uint8_t family,
                      std::uint16_t resource) {
  nlmsghdr* message = mnl_nlmsg_put_header(at);
  message->nlmsg_type = static_cast<std::uint16_t>(type);
  message->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  message->nlmsg_seq = sequence;
  auto* body = static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(message, sizeof(nfgenmsg)));
  body->nfgen_family = family;
  body->version = NFNETLINK_V0;
  body->res_id = htons(resource);
  return message;
}

void put_rule(nlmsghdr* message, const TargetData& data) {
  mnl_attr_put_strz(message, NFTA_RULE_TABLE, kTable);
  mnl_attr_put_strz(message, NFTA_RULE_CHAIN, kQueueChain);
  nlattr* expressions = mnl_attr_nest_start(message, NFTA_RULE_EXPRESSIONS);
  nlattr* element = mnl_attr_nest_start(message, NFTA_LIST_ELEM);
  mnl_attr_put_strz(message, NFTA_EXPR_NAME, "target");
  nlattr* target = mnl_attr_nest_start(message, NFTA_EXPR_DATA);
  mnl_attr_put_strz(message, NFTA_TARGET_NAME, "NFQUEUE");
  mnl_attr_put_u32(message, NFTA_TARGET_REV, htonl(kRevision));
  mnl_attr_put(message, NFTA_TARGET_INFO, sizeof data, &data);
  mnl_attr_nest_end(message, target);
  mnl_attr_nest_end(message, element);
  mnl_attr_nest_end(message, expressions);
}

// Sends the transaction and returns the kernel's word on the rule: 0 or an error number.
int transact(const char* batch, std::size_t length) {
  const Descriptor socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER));
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  if (socket.get() < 0 ||
      sendto(socket.get(), batch, length, 0, reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel) < 0) {
    return errno;
  }
  alignas(nlmsghdr) std::array<char, 4096> answer;
  for (;;) {
    const ssize_t received = recv(socket.get(), answer.data(), answer.size(), MSG_DONTWAIT);
    if (received < 0) return errno;
    auto left = static_cast<int>(received);
    const auto* message = reinterpret_cast<const nlmsghdr*>(answer.data());
    for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
      if (message->nlmsg_type != NLMSG_ERROR) continue;
      return -static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(message))->error;
    }
  }
}

}  // namespace

void add_queue_target(std::uint16_t first_queue, unsigned queues) {
  TargetData data;
  data.info.queuenum = first_queue;
  data.info.queues_total = static_cast<std::uint16_t>(queues);

  alignas(nlmsghdr) std::array<char, 1024> batch{};
  char* at = batch.data();
  at += put_message(at, NFNL_MSG_BATCH_BEGIN, 0, 1, AF_UNSPEC, NFNL_SUBSYS_NFTABLES)->nlmsg_len;
  nlmsghdr* rule = put_message(at, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_ACK,
                               kRuleSequence, NFPROTO_IPV4, 0);
  put_rule(rule, data);
  at += rule->nlmsg_len;
  at += put_message(at, NFNL_MSG_BATCH_END, 0, 3, AF_UNSPEC, NFNL_SUBSYS_NFTABLES)->nlmsg_len;

  const int error = transact(batch.data(), static_cast<std::size_t>(at - batch.data()));
  if (error != 0) {
    throw std::runtime_error(
        std::string("this kernel offers neither the nftables queue statement nor the xtables "
                    "NFQUEUE target (") +
        std::strerror(error) + "); use --datapath tun");
  }
}

}  // namespace nat
