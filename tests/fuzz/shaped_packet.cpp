#include "tests/fuzz/shaped_packet.h"

#include "tests/support/checksums.h"
#include "tests/support/leak_watch.h"
#include "translation/net/wire.h"

namespace nat::test {
namespace {

// One of few endpoints, so that packets meet.
void put_endpoint(std::uint8_t* address, std::uint8_t choice, bool internal) {
  if (internal) {
    store32(address, 0x0a000001U + (choice & 3U));
  } else {
    store32(address, (choice & 8U) != 0 ? 0xcb00710bU + (choice & 1U) : 0xc000021fU + (choice & 3U));
  }
}

}  // namespace

Octets shaped_packet(Script& script, Realm in) {
  const std::uint8_t shape = script.byte();
  const std::uint8_t ends = script.byte();
  Octets packet(20);
  Octets rest = script.bytes(8 + script.byte() % 64U);
  rest.resize(std::max<std::size_t>(rest.size(), 28));
  packet.insert(packet.end(), rest.begin(), rest.end());
  packet[0] = 0x45;
  store16(packet.data() + 2, static_cast<std::uint16_t>(packet.size()));
  packet[5] = ends >> 6;
  const std::uint8_t protocols[] = {17, 6, 1, 1};
  packet[9] = protocols[shape & 3U];
  if ((shape & 0x70) == 0x70)
    store16(packet.data() + 6, static_cast<std::uint16_t>((ends & 1U) << 13 | (ends & 6U)));
  put_endpoint(packet.data() + 12, ends, in == Realm::internal);
  put_endpoint(packet.data() + 16, static_cast<std::uint8_t>(ends >> 4 | (in == Realm::external ? 8U : 0U)),
               false);
  std::uint8_t* const transport = packet.data() + 20;
  if (packet[9] == 17) store16(transport + 4, static_cast<std::uint16_t>(packet.size() - 20));
  if (packet[9] == 6) transport[12] = 0x50;
  if (packet[9] != 1 || (shape & 3U) == 2) {
    // Ports and identifiers from a few.
    store16(transport + (packet[9] == 1 ? 4 : 0), static_cast<std::uint16_t>(2000 + (transport[1] & 7U)));
    if (packet[9] != 1) store16(transport + 2, static_cast<std::uint16_t>(2000 + (transport[3] & 7U)));
    if (packet[9] == 1) transport[0] = transport[0] & 1U ? 8 : 0;
  }
  fix_ip_checksum(packet);
  fix_transport_checksum(packet);
  // Now and then with an option that names a host inside.
  constexpr std::uint8_t kKinds[] = {7, 68, 82, 147, 149, 131};
  if ((shape & 0x0cU) != 0x0c) return packet;
  return with_options(packet, recording_option(Address(10, 0, 0, 1 + (ends & 3U)),
                                               kKinds[(shape >> 4U & 7U) % std::size(kKinds)]));
}

}  // namespace nat::test
