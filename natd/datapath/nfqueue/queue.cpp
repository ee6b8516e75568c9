#include "natd/datapath/nfqueue/queue.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <libnetfilter_queue/libnetfilter_queue.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>

namespace nat {
namespace {

// Memory that the kernel may spend on one packet that waits to be read: most are at most an Ethernet frame.
constexpr std::size_t kReceiveBytesPerPacket = 2560;
constexpr int kSendBuffer = 8 << 20;  // a batch of the largest packets
// Verdicts of one sendmsg: the kernel takes 1024 pieces, and as many octets as the buffer has.
constexpr std::size_t kMostNoted = 512;
constexpr std::size_t kMostNotedOctets = 6 << 20;
constexpr int kWholePacket = 0xffff;

constexpr std::size_t kAttributeHeader = 4;
constexpr std::size_t kVerdictHeaders = 16 + 4 + 12;  // netlink, nfnetlink, verdict
constexpr std::size_t kMarkAttribute = 8;

[[noreturn]] void fail(std::uint16_t number, const char* what, int error) {
  std::string sentence =
      "netfilter queue " + std::to_string(number) + ": " + what + ": " + std::strerror(error);
  if (error == EBUSY || error == EPERM)
    sentence += "; another program may have it: choose others with datapath.first-queue";
  throw std::runtime_error(sentence);
}

// Builds a verdict's headers at `at` and returns their end, where the payload attribute would begin.
nlmsghdr* put_verdict(std::uint8_t* at, std::uint16_t queue, std::uint32_t id, const QueueVerdict& verdict) {
  nlmsghdr* message = nfq_nlmsg_put(reinterpret_cast<char*>(at), NFQNL_MSG_VERDICT, queue);
  nfq_nlmsg_verdict_put(message, static_cast<int>(id), verdict.accept ? NF_ACCEPT : NF_DROP);
  if (verdict.accept && verdict.marked) nfq_nlmsg_verdict_put_mark(message, verdict.mark);
  return message;
}

// `attribute` is where the message ends so far; the payload follows it.
void put_payload_header(nlmsghdr* message, std::uint8_t* attribute, std::size_t length) {
  auto* header = reinterpret_cast<nlattr*>(attribute);
  header->nla_type = NFQA_PAYLOAD;
  header->nla_len = static_cast<std::uint16_t>(kAttributeHeader + length);
  message->nlmsg_len += static_cast<std::uint32_t>(kAttributeHeader + ((length + 3) & ~std::size_t{3}));
}

// A whole verdict in one piece, with a copy of the packet where it is rewritten.
std::vector<std::uint8_t> verdict_message(std::uint16_t queue, std::uint32_t id, const QueueVerdict& verdict,
                                          std::span<const std::uint8_t> octets) {
  const bool carries = verdict.accept && verdict.rewritten;
  std::vector<std::uint8_t> buffer(kVerdictHeaders + kMarkAttribute + kAttributeHeader +
                                   (carries ? octets.size() + 3 : 0));
  nlmsghdr* message = put_verdict(buffer.data(), queue, id, verdict);
  if (carries) {
    std::uint8_t* attribute = buffer.data() + message->nlmsg_len;
    put_payload_header(message, attribute, octets.size());
    std::copy(octets.begin(), octets.end(), attribute + kAttributeHeader);
  }
  buffer.resize(message->nlmsg_len);
  return buffer;
}

}  // namespace

Queue::Queue(std::uint16_t number, std::uint32_t length)
    : number_(number),
      socket_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER)),
      slots_(new std::uint8_t[kBatch * kSlot]) {
  if (socket_.get() < 0) fail(number_, "no netlink socket", errno);
  const int receive_buffer =
      static_cast<int>(std::clamp<std::size_t>(length * kReceiveBytesPerPacket, 4U << 20, 512U << 20));
  const int yes = 1;
  setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer, sizeof receive_buffer);
  setsockopt(socket_.get(), SOL_SOCKET, SO_SNDBUFFORCE, &kSendBuffer, sizeof kSendBuffer);
  setsockopt(socket_.get(), SOL_NETLINK, NETLINK_NO_ENOBUFS, &yes, sizeof yes);
  for (std::size_t i = 0; i < kBatch; ++i) {
    buffers_[i] = {slots_.get() + i * kSlot + kHeadroom, kSlot - kHeadroom};
    messages_[i].msg_hdr.msg_iov = &buffers_[i];
    messages_[i].msg_hdr.msg_iovlen = 1;
  }
  verdicts_.reserve(kMostNoted);
  bind(length);
}

// Two steps: while the queue is bound but not set to copy packets, the kernel hands out none, so the answer
// to the first step is the only message that can arrive.
void Queue::bind(std::uint32_t length) {
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  if (connect(socket_.get(), reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel) != 0) {
    fail(number_, "cannot connect", errno);
  }
  alignas(nlmsghdr) std::array<char, 256> buffer{};
  nlmsghdr* message = nfq_nlmsg_put(buffer.data(), NFQNL_MSG_CONFIG, number_);
  message->nlmsg_flags |= NLM_F_ACK;
  nfq_nlmsg_cfg_put_cmd(message, AF_INET, NFQNL_CFG_CMD_BIND);
  nfq_nlmsg_cfg_put_qmaxlen(message, length);
  if (send(socket_.get(), message, message->nlmsg_len, 0) < 0) fail(number_, "cannot bind", errno);

  alignas(nlmsghdr) std::array<char, 1024> answer;
  const ssize_t received = recv(socket_.get(), answer.data(), answer.size(), 0);
  if (received < 0) fail(number_, "no answer", errno);
  if (mnl_cb_run(answer.data(), static_cast<std::size_t>(received), 0, 0, nullptr, nullptr) < 0) {
    fail(number_, "cannot bind", errno);
  }

  message = nfq_nlmsg_put(buffer.data(), NFQNL_MSG_CONFIG, number_);
  nfq_nlmsg_cfg_put_params(message, NFQNL_COPY_PACKET, kWholePacket);
  if (send(socket_.get(), message, message->nlmsg_len, 0) < 0) fail(number_, "cannot configure", errno);
}

std::span<const QueuedPacket> Queue::receive() {
  const int count = recvmmsg(socket_.get(), messages_.data(), kBatch, MSG_DONTWAIT, nullptr);
  std::size_t packets = 0;
  for (int i = 0; i < count; ++i) {
    auto* message = static_cast<nlmsghdr*>(buffers_[static_cast<std::size_t>(i)].iov_base);
    starts_[packets] = reinterpret_cast<std::uint8_t*>(message) - kHeadroom;
    if (parse(message, messages_[static_cast<std::size_t>(i)].msg_len, packets_[packets])) ++packets;
  }
  return {packets_.data(), packets};
}

bool Queue::parse(nlmsghdr* message, std::size_t length, QueuedPacket& packet) {
  if (!mnl_nlmsg_ok(message, static_cast<int>(length))) return false;
  if (message->nlmsg_type != (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET)) {
    if (message->nlmsg_type == NLMSG_ERROR) failures_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  std::array<nlattr*, NFQA_MAX + 1> attributes{};
  if (nfq_nlmsg_parse(message, attributes.data()) < 0 || attributes[NFQA_PACKET_HDR] == nullptr) return false;
  const auto* header =
      static_cast<const nfqnl_msg_packet_hdr*>(mnl_attr_get_payload(attributes[NFQA_PACKET_HDR]));
  packet.id = ntohl(header->packet_id);
  packet.hook = header->hook;
  const auto number = [&](int type) {
    return attributes[static_cast<std::size_t>(type)] == nullptr
               ? 0
               : ntohl(mnl_attr_get_u32(attributes[static_cast<std::size_t>(type)]));
  };
  packet.mark = number(NFQA_MARK);
  packet.input_interface = number(NFQA_IFINDEX_INDEV);
  packet.octets = {};
  // A packet too long for a netlink attribute comes cut off; without octets it is malformed, and dropped as
  // such.
  if (attributes[NFQA_PAYLOAD] != nullptr && attributes[NFQA_CAP_LEN] == nullptr) {
    packet.octets = {static_cast<std::uint8_t*>(mnl_attr_get_payload(attributes[NFQA_PAYLOAD])),
                     mnl_attr_get_payload_len(attributes[NFQA_PAYLOAD])};
  }
  return true;
}

// With its packet, a verdict is written in place: its headers end where the payload attribute begins, over
// the headers the packet came with. Without, it goes into the room in front.
void Queue::decide(std::size_t index, const QueueVerdict& verdict) {
  const QueuedPacket& packet = packets_[index];
  if (!verdict.accept || !verdict.rewritten) {
    nlmsghdr* message = put_verdict(starts_[index], number_, packet.id, verdict);
    note(message, message->nlmsg_len);
    return;
  }
  std::uint8_t* attribute = packet.octets.data() - kAttributeHeader;
  std::uint8_t* headers = attribute - kVerdictHeaders - (verdict.marked ? kMarkAttribute : 0);
  nlmsghdr* message = put_verdict(headers, number_, packet.id, verdict);
  put_payload_header(message, attribute, packet.octets.size());
  note(message, message->nlmsg_len);
}

void Queue::decide_held(std::uint32_t id, const QueueVerdict& verdict, std::span<const std::uint8_t> octets) {
  std::vector<std::uint8_t> message = verdict_message(number_, id, verdict, octets);
  note(message.data(), message.size());
  held_verdicts_.push_back(std::move(message));  // its octets stay where they are
}

void Queue::note(void* message, std::size_t length) {
  if (verdicts_.size() == kMostNoted || noted_octets_ + length > kMostNotedOctets) flush();
  verdicts_.push_back({message, length});
  noted_octets_ += length;
}

void Queue::flush() {
  if (verdicts_.empty()) return;
  msghdr message{};
  message.msg_iov = verdicts_.data();
  message.msg_iovlen = verdicts_.size();
  if (sendmsg(socket_.get(), &message, 0) < 0) send_one_by_one();
  verdicts_.clear();
  held_verdicts_.clear();
  noted_octets_ = 0;
}

// The kernel found no memory for the batch. A packet whose verdict cannot be sent would stay in the queue for
// ever, so one that is too large for the moment is dropped with a short verdict.
void Queue::send_one_by_one() {
  for (const iovec& verdict : verdicts_) {
    if (send(socket_.get(), verdict.iov_base, verdict.iov_len, 0) >= 0) continue;
    failures_.fetch_add(1, std::memory_order_relaxed);
    auto* message = static_cast<nlmsghdr*>(verdict.iov_base);
    auto* header = static_cast<nfqnl_msg_verdict_hdr*>(
        mnl_attr_get_payload(static_cast<nlattr*>(mnl_nlmsg_get_payload_offset(message, sizeof(nfgenmsg)))));
    header->verdict = htonl(NF_DROP);
    message->nlmsg_len = kVerdictHeaders;
    send(socket_.get(), message, message->nlmsg_len, 0);
  }
}

void Queue::decide_late(std::uint32_t id, const QueueVerdict& verdict, std::span<const std::uint8_t> octets) {
  const std::vector<std::uint8_t> message = verdict_message(number_, id, verdict, octets);
  if (send(socket_.get(), message.data(), message.size(), 0) < 0) {
    failures_.fetch_add(1, std::memory_order_relaxed);
  }
}

}  // namespace nat
