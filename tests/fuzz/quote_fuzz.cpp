// The input is what stands behind the header of an ICMP error: its type, code and second word, then the
// quote. Whatever it holds, translating the quote touches only the quoted addresses, ports and checksums and
// the checksum of the error, which stays right.
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "translation/net/checksum.h"
#include "translation/net/packet.h"
#include "translation/net/rewrite.h"
#include "translation/net/wire.h"

using namespace nat;

namespace {

void must(bool holds) {
  if (!holds) std::abort();
}

std::vector<std::uint8_t> error_with(const std::uint8_t* data, std::size_t size) {
  std::vector<std::uint8_t> packet(28);
  packet[0] = 0x45;
  packet[8] = 64;
  packet[9] = 1;
  store32(packet.data() + 12, 0xc000021f);
  store32(packet.data() + 16, 0xcb00710b);
  const std::uint8_t types[] = {3, 11, 12};
  packet[20] = types[data[0] % 3];
  packet[21] = data[1];
  packet[24] = data[2];
  packet[25] = data[3];
  packet.insert(packet.end(), data + 4, data + size);
  store16(packet.data() + 2, static_cast<std::uint16_t>(packet.size()));
  // A fuzzer cannot find a checksum; one bit says whether the quoted header gets a right one.
  const std::size_t header = packet.size() > 28 ? (packet[28] & 0x0fU) * 4 : 0;
  if ((data[0] & 0x80) != 0 && header >= 20 && packet.size() >= 28 + header) {
    store16(packet.data() + 38, 0);
    store16(packet.data() + 38, internet_checksum({packet.data() + 28, header}));
  }
  store16(packet.data() + 22, internet_checksum({packet.data() + 20, packet.size() - 20}));
  return packet;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 4 || size > 60000) return 0;
  std::vector<std::uint8_t> packet = error_with(data, size);
  const std::vector<std::uint8_t> original = packet;
  const auto quoted_sum = [](const Quote& quote) {
    // One's complement has two zeros.
    return internet_checksum({quote.ip, static_cast<std::size_t>(quote.transport - quote.ip)}) % 0xffff;
  };
  PacketView view;
  must(!PacketView::parse(packet, view));
  Quote quote;
  if (view.quote(quote)) {
    must(packet == original);
    return 0;
  }
  must(quote.transport + quote.transport_length <= packet.data() + packet.size());
  must(quote.transport_length >= 8);
  const int wrong_by = quoted_sum(quote);
  must(!quote.checksum_right || wrong_by == 0);
  rewrite_quote_source(view, quote, {Address(10, 0, 0, 1), 4321});
  if (!quote.query) rewrite_quote_destination(view, quote, {Address(192, 0, 2, 31), 53});
  must(internet_checksum({packet.data() + 20, packet.size() - 20}) == 0);
  must(quoted_sum(quote) == wrong_by);
  const auto transport_at = static_cast<std::size_t>(quote.transport - packet.data());
  const auto quote_at = static_cast<std::size_t>(quote.ip - packet.data());
  for (std::size_t at = 0; at < packet.size(); ++at) {
    const bool own_sum = at == 22 || at == 23;
    const bool header = at >= quote_at + 10 && at < quote_at + 20;
    const bool transport = at >= transport_at && at < transport_at + 18;
    must(packet[at] == original[at] || own_sum || header || transport);
  }
  return 0;
}
