// lab_accept QUEUE: accepts every packet of a netfilter queue and does nothing else. The yardstick for natd's
// own queue: what the kernel interface costs, without any translation. Headers only are copied, packets keep
// their segmentation offload.
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <libnetfilter_queue/libnetfilter_queue.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <sys/socket.h>

namespace {

constexpr std::uint32_t kCopied = 128;
constexpr int kReceiveBuffer = 8 << 20;

using Buffer = std::array<char, 65536>;

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

void send_message(mnl_socket* socket, const nlmsghdr* message) {
  if (mnl_socket_sendto(socket, message, message->nlmsg_len) < 0) fail("lab_accept: send");
}

void configure(mnl_socket* socket, std::uint16_t queue, Buffer& buffer) {
  nlmsghdr* message = nfq_nlmsg_put(buffer.data(), NFQNL_MSG_CONFIG, queue);
  nfq_nlmsg_cfg_put_cmd(message, AF_INET, NFQNL_CFG_CMD_BIND);
  send_message(socket, message);
  message = nfq_nlmsg_put(buffer.data(), NFQNL_MSG_CONFIG, queue);
  nfq_nlmsg_cfg_put_params(message, NFQNL_COPY_PACKET, kCopied);
  mnl_attr_put_u32(message, NFQA_CFG_FLAGS, htonl(NFQA_CFG_F_GSO));
  mnl_attr_put_u32(message, NFQA_CFG_MASK, htonl(NFQA_CFG_F_GSO));
  send_message(socket, message);
}

struct Context {
  mnl_socket* socket;
  std::uint16_t queue;
};

int accept_packet(const nlmsghdr* received, void* data) {
  const auto& context = *static_cast<Context*>(data);
  std::array<nlattr*, NFQA_MAX + 1> attributes{};
  if (nfq_nlmsg_parse(received, attributes.data()) < 0 || attributes[NFQA_PACKET_HDR] == nullptr)
    return MNL_CB_OK;
  nfqnl_msg_packet_hdr header{};
  std::memcpy(&header, mnl_attr_get_payload(attributes[NFQA_PACKET_HDR]), sizeof header);
  std::array<char, 256> buffer{};
  nlmsghdr* verdict = nfq_nlmsg_put(buffer.data(), NFQNL_MSG_VERDICT, context.queue);
  nfq_nlmsg_verdict_put(verdict, static_cast<int>(ntohl(header.packet_id)), NF_ACCEPT);
  send_message(context.socket, verdict);
  return MNL_CB_OK;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: lab_accept QUEUE\n", stderr);
    return 2;
  }
  Context context{mnl_socket_open(NETLINK_NETFILTER), static_cast<std::uint16_t>(std::atoi(argv[1]))};
  if (context.socket == nullptr || mnl_socket_bind(context.socket, 0, MNL_SOCKET_AUTOPID) < 0) {
    fail("lab_accept: netlink");
  }
  static Buffer buffer;
  configure(context.socket, context.queue, buffer);
  const int descriptor = mnl_socket_get_fd(context.socket), on = 1;
  setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBuffer, sizeof kReceiveBuffer);
  setsockopt(descriptor, SOL_NETLINK, NETLINK_NO_ENOBUFS, &on, sizeof on);
  std::puts("ready");
  std::fflush(stdout);
  const unsigned port = mnl_socket_get_portid(context.socket);
  while (true) {
    const ssize_t length = mnl_socket_recvfrom(context.socket, buffer.data(), buffer.size());
    if (length < 0) {
      if (errno == EINTR || errno == ENOBUFS) continue;
      fail("lab_accept: receive");
    }
    if (mnl_cb_run(buffer.data(), static_cast<std::size_t>(length), 0, port, accept_packet, &context) < 0) {
      fail("lab_accept: message");
    }
  }
}
