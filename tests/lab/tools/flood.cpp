// lab_flood ADDR PORT SECONDS: sends 18-octet UDP datagrams (60-octet frames) as fast as it can, in batches,
// from 64 sockets in turn, so that there are 64 sessions. Measurements count them where they arrive.
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace {

constexpr std::size_t kSockets = 64, kBatch = 64, kPayload = 18;

int connected_socket(const sockaddr_in& target) {
  const int made = socket(AF_INET, SOCK_DGRAM, 0);
  if (made < 0 || connect(made, reinterpret_cast<const sockaddr*>(&target), sizeof target) != 0) {
    std::perror("lab_flood");
    std::exit(1);
  }
  return made;
}

}  // namespace

int main(int argc, char** argv) {
  sockaddr_in target{};
  target.sin_family = AF_INET;
  if (argc != 4 || inet_pton(AF_INET, argv[1], &target.sin_addr) != 1) {
    std::fputs("usage: lab_flood ADDR PORT SECONDS\n", stderr);
    return 2;
  }
  target.sin_port = htons(static_cast<std::uint16_t>(std::atoi(argv[2])));

  std::array<int, kSockets> sockets{};
  for (int& each : sockets) each = connected_socket(target);
  std::array<char, kPayload> payload{};
  iovec part{payload.data(), payload.size()};
  std::array<mmsghdr, kBatch> batch{};
  for (mmsghdr& each : batch) {
    each.msg_hdr.msg_iov = &part;
    each.msg_hdr.msg_iovlen = 1;
  }
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::seconds(std::atoi(argv[3]));
  for (std::size_t turn = 0; Clock::now() < end; ++turn) {
    sendmmsg(sockets[turn % kSockets], batch.data(), kBatch, 0);
  }
}
